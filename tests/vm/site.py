"""A spec of source 000's VM, for the simulated cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pgdeploy.core.check import Finding, evaluate
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.step import StepPlan
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.vm.apply import apply_vm
from pgdeploy.layers.vm.deadline import Deadline
from pgdeploy.layers.vm.declared import DeclaredVm, declared_vm
from pgdeploy.layers.vm.fact import VmFact, read_vm
from pgdeploy.layers.vm.plan import plan_vm
from pgdeploy.reach.proxmox import Proxmox
from tests.simulators.proxmox.guest import MemoryGuest
from tests.simulators.proxmox.simulator import Simulator, simulator

SECRET = "PGDEPLOY_TEST_PROXMOX_TOKEN"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtT0QmBhjNCqsi8cLdOGd5xDUQhQ5wUBBKjTVEvnTGY operator"

SPEC = """\
postgres: 16
vm:
  proxmox: {{host: {host}, port: {port}, user: pgdeploy@pve, token: deploy, secret: {{env: {secret}}}, ca: {ca}}}
  id: 2002
  name: proj-pg01
  node: node04
  template: 9000
  vcpus: 8
  sockets: 2
  cores: 4
  memory: 48GB
  balloon: 8GB
  disks:
    scsi0: {{storage: local-zfs, size: 32GB}}
    scsi1: {{storage: local-zfs, size: 250GB}}
  network:
    bridge: vmbr0
    vlan: 20
    address: 10.25.20.8/24
    gateway: 10.25.20.1
    dns: [10.25.20.1, 8.8.8.8]
    search: radioastronomy.io
  cloud_init:
    user: root
    ssh_keys: [{key}]
  onboot: true
  within: 20s
"""


@dataclass
class Site:
    """A cluster, and a target for it."""

    proxmox: Simulator
    folder: Path
    notes: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        os.environ[SECRET] = self.proxmox.token()
        self.text = self.text or spec_for(self.proxmox)
        self.write(self.text)

    @property
    def file(self) -> Path:
        return self.folder / "prod-pg01.yaml"

    def write(self, text: str) -> None:
        self.text = text
        self.file.write_text(text, encoding="utf-8")

    def change(self, old: str, new: str) -> None:
        """Another spec."""
        assert old in self.text, old
        self.write(self.text.replace(old, new))

    @property
    def target(self) -> Target:
        return load_target(self.file)

    @property
    def declared(self) -> DeclaredVm:
        declared = declared_vm(self.target.declared)
        assert declared is not None
        return declared

    @property
    def guest(self) -> MemoryGuest:
        """The inside of the VM."""
        guest = self.proxmox.vm(2002).guest
        assert isinstance(guest, MemoryGuest)
        return guest

    def api(self) -> Proxmox:
        return self.declared.proxmox()

    def read(self) -> VmFact:
        return read_vm(self.api(), self.declared.vm)

    def plan(self) -> StepPlan:
        return plan_vm(self.declared, self.read())

    def apply(self, *, allow_restart: bool = False) -> StepPlan:
        declared = self.declared
        deadline = Deadline(declared.vm.within, self.notes.append)
        return apply_vm(
            declared, declared.proxmox(), deadline, allow_restart=allow_restart, note=self.notes.append
        )

    def findings(self) -> dict[str, Finding]:
        """Every check of the VM, asked now."""
        facts = Facts(NOBODY, None, {}, {}, sections={"vm": self.read()})
        return {check.id: evaluate(check, facts) for check in self.target.checks_of("vm")}

    def red(self) -> set[str]:
        """The checks that drift."""
        return {known for known, finding in self.findings().items() if finding.verdict == "drifts"}


def spec_for(proxmox: Simulator) -> str:
    return SPEC.format(host=proxmox.host, port=proxmox.port, ca=proxmox.ca, secret=SECRET, key=KEY)


@contextmanager
def site(folder: Path, version: str = "9.2") -> Iterator[Site]:
    """A cluster with nothing but a template and a VM of others, until the end."""
    with simulator(version) as proxmox:
        yield Site(proxmox, folder)
