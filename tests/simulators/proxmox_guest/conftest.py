"""An engine for real guests, and a machine that has booted from its template."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import require_engine
from tests.simulators.proxmox.guest import Boot
from tests.simulators.proxmox_guest.boot import boot
from tests.simulators.proxmox_guest.guest import ContainerGuest
from tests.simulators.proxmox_guest.lab import Lab
from tests.simulators.proxmox_guest.loop import why_no_loop_device
from tests.simulators.proxmox_guest.template import Template
from tests.simulators.proxmox_guest.waiting import booted


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine and loop devices, or a skip with its reason; in CI a failure."""
    try:
        require_engine()
        lacking = why_no_loop_device()
    except TargetError as error:
        lacking = str(error)
    if lacking and os.environ.get("PGDEPLOY_CI"):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)


@dataclass(frozen=True)
class Machine:
    """A guest that was started, and how to come in."""

    template: Template
    guest: ContainerGuest
    boot: Boot
    subnet: IPv4Network
    key: Path

    @property
    def address(self) -> str:
        return str(self.subnet[8])

    def start(self, **disks: str) -> None:
        """Start it again, with these disks too."""
        self.guest.start(replace(self.boot, config={**self.boot.config, **disks}))
        booted(self.guest)


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


@pytest.fixture(scope="module", params=["debian-12", "debian-13"])
def machine(request: pytest.FixtureRequest, engine: None, key: Path) -> Iterator[Machine]:
    """One that has booted for the first time, from a template with forgotten host keys, with a second disk."""
    template = Template(request.param, stale_host_keys=True)
    with Lab(template) as lab:
        subnet = lab.free_subnet()
        guest = lab.guest(101)
        first = boot(subnet, 8, key.with_suffix(".pub").read_text(), scsi1="local-lvm:vm-101-disk-1,size=20G")
        guest.start(first)
        booted(guest)
        yield Machine(template, guest, first, subnet, key)
