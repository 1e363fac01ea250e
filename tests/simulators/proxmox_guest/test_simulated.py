"""A guest behind the simulated API: a clone is asked for over HTTPS, and somebody comes in by ssh."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException

from tests.simulators.proxmox.guest import HOST_KEY, RESULT
from tests.simulators.proxmox.simulator import Simulator, simulator
from tests.simulators.proxmox_guest.lab import Lab

pytestmark = [pytest.mark.docker, pytest.mark.long]


@pytest.fixture
def lab(engine: None) -> Iterator[Lab]:
    with Lab() as made:
        yield made


@pytest.fixture
def proxmox(lab: Lab) -> Iterator[Simulator]:
    with simulator() as made:
        made.guests = lab.guest
        yield made


def file(vm: Any, path: str) -> str:
    """A file of the machine, as soon as there is one."""
    end = time.monotonic() + 60
    while True:
        try:
            return str(vm.agent("file-read").get(file=path)["content"])
        except ResourceException:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_from_clone_to_ssh(lab: Lab, proxmox: Simulator, key: Path, tmp_path: Path) -> None:
    api = ProxmoxAPI(
        proxmox.host,
        port=proxmox.port,
        user="pgdeploy@pve",
        token_name="deploy",
        token_value=proxmox.token(),
        verify_ssl=str(proxmox.ca),
    )
    node, subnet, public = api.nodes("node04"), lab.free_subnet(), key.with_suffix(".pub").read_text()
    vm = node.qemu(201)
    node.qemu(9000).clone.post(newid=201, name="prod-pg01", full=1)
    proxmox.settle()
    vm.config.post(
        ciuser="admin",
        ciupgrade=0,
        sshkeys=quote(public.strip(), safe=""),
        ipconfig0=f"ip={subnet[8]}/24,gw={subnet[1]}",
        scsi1="local-zfs:20",
    )
    proxmox.settle()
    vm.status.start.post()
    assert '"errors": []' in file(vm, RESULT)

    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"{subnet[8]} {file(vm, HOST_KEY)}")
    options = (f"-oUserKnownHostsFile={known_hosts}", "-oStrictHostKeyChecking=yes", "-oBatchMode=yes")
    done = subprocess.run(
        [*("ssh", "-F", "/dev/null", *options, "-i", str(key), f"admin@{subnet[8]}"), "hostname; id -un"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "prod-pg01\nadmin\n", done.stderr
