"""The acceptance script that users run on a node of their own, on the simulated one, with a real guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators.proxmox_guest.conftest import engine
from tests.vm.real import real

__all__ = ["engine"]

pytestmark = [pytest.mark.docker, pytest.mark.long]


def test_it_accepts_and_leaves_nothing(engine: None, tmp_path: Path) -> None:
    with real(tmp_path) as site:
        before = set(site.proxmox.cluster.machines)
        done = site.run("scripts.accept_vm", str(site.file), "--ids", "101-9909")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("accepted: ")
        assert set(site.proxmox.cluster.machines) == before
        # 101 is somebody's
        assert {task.id for task in site.proxmox.tasks} == {"102", "9000"}


def test_a_wrong_outcome_is_said(engine: None, tmp_path: Path) -> None:
    with real(tmp_path) as site:
        site.proxmox.faults.fail_task(nth=0, type="qmstart", text="no such machine type")
        done = site.run("scripts.accept_vm", str(site.file), "--ids", "9900-9909")
        assert done.returncode == 1
        assert "no such machine type" in done.stdout
        assert "not accepted: exit code 1 where 0 was due" in done.stderr
        assert 9900 not in site.proxmox.cluster.machines
