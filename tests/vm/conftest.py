"""A cluster of its own for each test, with nothing but a template and a VM of others; and specs without any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.model.spec import Spec
from tests.vm.site import KEY, Site
from tests.vm.site import site as made

OFFLINE = f"""\
postgres: 16
vm:
  proxmox:
    host: node04.example.org
    user: pgdeploy@pve
    token: deploy
    secret: {{env: PROXMOX_TOKEN}}
  id: 2002
  name: proj-pg01
  node: node04
  template: 9000
  sockets: 2
  cores: 4
  memory: 48GB
  disks:
    scsi0: {{storage: local-zfs, size: 32GB}}
    scsi1: {{storage: local-zfs, size: 250GB}}
  network:
    bridge: vmbr0
    address: 10.25.20.8/24
  cloud_init:
    ssh_keys: [{KEY}]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with made(tmp_path) as cluster:
        yield cluster


class Offline:
    """A spec that nothing is connected for. Every text is `OFFLINE` with one part replaced."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def load(self, old: str, new: str) -> Spec:
        assert old in OFFLINE, old
        self.file.write_text(OFFLINE.replace(old, new, 1), encoding="utf-8")
        return load_spec(self.file).value

    def problems(self, old: str, new: str) -> list[str]:
        """What is wrong with it, `line:column: message`; nothing where it loads."""
        try:
            self.load(old, new)
        except SpecError as error:
            return [line.removeprefix(f"{self.file}:") for line in error.problems]
        return []


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    return Offline(tmp_path / "prod-pg01.yaml")
