"""A target whose VM is a virtual machine: from a template in the simulated cluster to a host that ssh reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pgdeploy.errors import TargetError
from tests.host.texts import pg15
from tests.simulators.proxmox.simulator import simulator
from tests.simulators.qemu_guest.lab import QemuLab
from tests.vm.home import Home
from tests.vm.site import SECRET

VM = """\
vm:
  proxmox: {{host: {host}, port: {port}, user: pgdeploy@pve, token: deploy, secret: {{env: {secret}}}, ca: {ca}}}
  id: 2002
  name: proj-pg01
  node: node04
  template: 9000
  vcpus: 2
  sockets: 2
  cores: 1
  memory: 1536MB
  balloon: false
  disks:
    scsi0: {{storage: local-zfs, size: 6GB}}
    scsi1: {{storage: local-zfs, size: 2GB, discard: true, ssd: true, iothread: true, mount: /mnt/data}}
  network:
    bridge: vmbr0
    address: {subnet[8]}/24
    gateway: {subnet[1]}
    dns: [{dns}]
  cloud_init: {{user: root, ssh_keys: [{home}/.ssh/id_ed25519.pub], upgrade: false}}
  onboot: true
  within: 10min
"""

TIMEOUT = 1500
"""Seconds for one command; an emulated processor is slow."""


@dataclass(kw_only=True)
class Site(Home):
    """With virtual machines."""

    lab: QemuLab

    def guest(self, script: str) -> str:
        """What a shell in the machine prints, past the network."""
        return self.lab.guests[2002].run(script)

    def done(self, *words: str) -> str:
        """What pgdeploy prints and tells; it must succeed."""
        done = self.run("pgdeploy", *words)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.lab.guests[2002].console[-3000:]}"
        return done.stdout + done.stderr


@contextmanager
def site(home: Path) -> Iterator[Site]:
    """It, until the end."""
    with QemuLab() as lab, simulator() as proxmox:
        proxmox.guests = lab.guest
        made = Site(proxmox, home, TIMEOUT, {"HOME": str(home)}, lab=lab)
        vm = VM.format(
            host=proxmox.host,
            port=proxmox.port,
            ca=proxmox.ca,
            secret=SECRET,
            subnet=lab.subnet,
            home=home,
            dns=", ".join(_resolvers()),
        )
        ssh = f"user: root, key: {made.key}, known_hosts: {made.known_hosts}"
        text = pg15().replace(
            "connect: {ssh: {host: pg01}}\n", f"connect: {{ssh: {{host: {lab.subnet[8]}, {ssh}}}}}\n{vm}"
        )
        text = text.replace("cluster: {free: 100MB}", "cluster: {mount: /mnt/data, free: 100MB}")
        # systemd-resolved, which Debian's cloud images have, hears LLMNR on all addresses
        text = text.replace("  deployment: {", "  listening: [5355]\n  deployment: {")
        made.file.write_text(text, encoding="utf-8")
        yield made


def _resolvers() -> list[str]:
    """This machine's name servers, that a machine on a bridge reaches too."""
    for file in (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf")):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        found = re.findall(r"^nameserver\s+([0-9][0-9.]*)", text, re.MULTILINE)
        if outside := [address for address in found if not address.startswith("127.")]:
            return outside
    raise TargetError("this machine has no name server that another could ask")
