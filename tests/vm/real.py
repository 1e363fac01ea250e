"""A target whose VM is a real guest: from a template in the simulated cluster to a host that ssh reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from tests.host.machine import ROOT, SECRETS
from tests.host.texts import pg15
from tests.proxmox.simulator import Simulator, simulator
from tests.proxmox_guest.lab import Lab
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


@dataclass
class Real:
    """A home with an ssh key, a spec, a cluster and its guests. Nobody has been told any host key."""

    proxmox: Simulator
    lab: Lab
    subnet: IPv4Network
    home: Path
    secret: str
    said: str = ""
    """What `pgdeploy up` told on its way, and what it printed."""
    printed: str = ""

    @property
    def file(self) -> Path:
        return self.home / "specs" / "prod-pg01.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    def guest(self, script: str) -> str:
        """What a shell in the guest prints, past the network."""
        return self.lab.guests[2002].run(script)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of the user's machine, with no other help than the spec."""
        environment = {
            **{key: text for key, text in os.environ.items() if not key.startswith("PGDEPLOY_")},
            **SECRETS,
            SECRET: self.secret,
            "PGDEPLOY_SPECS": str(self.home / "specs"),
        }
        return subprocess.run(
            [sys.executable, "-m", *words],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=400,
        )

    def gate(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("pytest", "-p", "no:cacheprovider", "-q", "-rN", "--target=prod-pg01", *words)


@contextmanager
def real(home: Path) -> Iterator[Real]:
    """It, until the end."""
    with Lab() as lab, simulator() as proxmox:
        proxmox.guests = lab.guest
        made = Real(proxmox, lab, lab.free_subnet(), home, proxmox.token())
        made.known_hosts.parent.mkdir(mode=0o700)
        made.file.parent.mkdir()
        key = made.known_hosts.with_name("id_ed25519")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        vm = VM.format(
            host=proxmox.host, port=proxmox.port, ca=proxmox.ca, secret=SECRET, subnet=made.subnet, home=home
        )
        text = pg15().replace("connect: {ssh: {host: pg01}}\n", vm)
        text = text.replace("cluster: {free: 100MB}", "cluster: {mount: /mnt/data, free: 100MB}")
        made.file.write_text(text, encoding="utf-8")
        yield made
