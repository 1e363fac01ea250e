"""A disk that is full: said in one message, and when there is room again the next apply converges."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.site import SPEC, Site

NO_SPACE = re.compile("No space left on device|Check free disk space")


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, megabytes: int) -> None:
        self._run("mount", "-o", f"remount,size={megabytes}m", str(self.folder))

    def make(self) -> bool:
        return os.geteuid() == 0 and self._run(
            "mount", "-t", "tmpfs", "-o", "size=20m", "pgdeploy", str(self.folder)
        )

    def leave(self, megabytes: int) -> None:
        """Fill all but so much."""
        (self.folder / "filler").write_bytes(bytes(shutil.disk_usage(self.folder).free - megabytes * 2**20))

    def remove(self) -> None:
        self._run("umount", "--lazy", str(self.folder))

    def _run(self, *command: str) -> bool:
        try:
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        except FileNotFoundError:
            return False


@pytest.fixture
def disk() -> Iterator[Disk]:
    with TemporaryDirectory(prefix="pgdeploy-full-") as folder:
        made = Disk(Path(folder))
        if not made.make():
            pytest.skip("only root can make a small file system, and not in every container")
        made.folder.chmod(0o755)
        yield made
        made.remove()


def test_too_small_for_a_cluster(disk: Disk) -> None:
    site = Site(disk.folder)
    code, said = site.run("apply", "--yes")
    assert code == 1
    assert "initdb failed" in said
    assert NO_SPACE.search(said), said
    assert "Traceback" not in said
    disk.has(200)
    assert site.run("apply", "--yes")[0] == 0


def test_full_in_the_middle(disk: Disk) -> None:
    site = Site(disk.folder)
    disk.has(200)
    site.say("postgres: 16\n")
    assert site.run("apply", "--yes")[0] == 0
    disk.leave(4)
    site.say(SPEC)
    code, said = site.run("apply", "--yes")
    assert code == 1
    assert NO_SPACE.search(said), said
    assert "Traceback" not in said
    disk.has(300)
    assert site.run("apply", "--yes")[0] == 0
    assert site.run("check", "--no-probes")[0] == 0
    assert site.servers() == []


def test_no_room_for_a_saved_plan(disk: Disk, site: Site) -> None:
    disk.leave(0)
    file = disk.folder / "plan.json"
    code, said = site.run("plan", "--out", str(file))
    assert (code, "No space left on device" in said) == (1, True), said
    assert str(file) in said
