"""A small file system of its own, which tests fill."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


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


def small_disk() -> Iterator[Disk]:
    """Twenty megabytes, until the test ends."""
    with TemporaryDirectory(prefix="pgdeploy-full-") as folder:
        made = Disk(Path(folder))
        if not made.make():
            pytest.skip("only root can make a small file system, and not in every container")
        made.folder.chmod(0o755)
        yield made
        made.remove()
