"""What test processes left that were killed: the next one removes it. Disks need nobody, see loop.py."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.gate.container.stale import OWNER, owner, remove_stale

_PREFIX = "pgdeploy-guest-"


def new_folder() -> Path:
    """A private one, which says whose it is."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def remove_what_is_stale() -> None:
    """Containers first: they hold networks and folders."""
    remove_stale()
    _remove_networks()
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        if not _lives(folder.name.split("-")[2]):
            shutil.rmtree(folder, ignore_errors=True)


def _remove_networks() -> None:
    form = f'{{{{.Name}}}} {{{{.Label "{OWNER}"}}}}'
    here = owner().rpartition(":")[0]
    for line in docker("network", "ls", "--filter", f"label={OWNER}", "--format", form).splitlines():
        name, _, whose = line.partition(" ")
        machine, _, process = whose.rpartition(":")
        if machine == here and not _lives(process):
            attempt("network", "rm", name)


def _lives(process: str) -> bool:
    return Path("/proc", process).exists()
