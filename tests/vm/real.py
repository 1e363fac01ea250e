"""A target whose VM is a real guest: from a template in the simulated cluster to a host that ssh reaches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from tests.host.texts import pg15
from tests.simulators.proxmox.simulator import simulator
from tests.simulators.proxmox_guest.lab import Lab
from tests.vm.home import Home
from tests.vm.site import SECRET

VM = """\
connect:
  ssh: {{host: {subnet[8]}, user: root, key: {home}/.ssh/id_ed25519, known_hosts: {home}/.ssh/known_hosts}}
vm:
  proxmox: {{host: {host}, port: {port}, user: pgdeploy@pve, token: deploy, secret: {{env: {secret}}}, ca: {ca}}}
  id: 2002
  name: proj-pg01
  node: node04
  template: 9000
  vcpus: 4
  sockets: 2
  cores: 2
  memory: 4GB
  balloon: 2GB
  disks:
    scsi0: {{storage: local-zfs, size: 32GB}}
    scsi1: {{storage: local-zfs, size: 2GB, mount: /mnt/data}}
  network:
    bridge: vmbr0
    vlan: 20
    address: {subnet[8]}/24
    gateway: {subnet[1]}
    dns: [10.25.20.1, 8.8.8.8]
  cloud_init: {{user: root, ssh_keys: [{home}/.ssh/id_ed25519.pub], upgrade: false}}
  onboot: true
  protection: true
  within: 2min
"""


@dataclass(kw_only=True)
class Real(Home):
    """With guests in containers."""

    lab: Lab
    subnet: IPv4Network

    def guest(self, script: str) -> str:
        """What a shell in the guest prints, past the network."""
        return self.lab.guests[2002].run(script)


@contextmanager
def real(home: Path) -> Iterator[Real]:
    """It, until the end."""
    with Lab() as lab, simulator() as proxmox:
        proxmox.guests = lab.guest
        made = Real(proxmox, home, lab=lab, subnet=lab.free_subnet())
        vm = VM.format(
            host=proxmox.host, port=proxmox.port, ca=proxmox.ca, secret=SECRET, subnet=made.subnet, home=home
        )
        text = pg15().replace("connect: {ssh: {host: pg01}}\n", vm)
        text = text.replace("cluster: {free: 100MB}", "cluster: {mount: /mnt/data, free: 100MB}")
        made.file.write_text(text, encoding="utf-8")
        yield made
