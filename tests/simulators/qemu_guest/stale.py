"""What test processes left that were killed: the next one removes it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.simulators.qemu_guest.network import bridges, remove


def remove_what_is_stale() -> None:
    """Machines first: they hold bridges."""
    for folder in Path(tempfile.gettempdir()).glob("pgdeploy-qemu-*-*"):
        if not _lives(folder.name.split("-")[2]):
            _kill(folder)
            shutil.rmtree(folder, ignore_errors=True)
    for name, process in bridges():
        if not _lives(str(process)):
            _remove_rules(name)
            remove(name)


def _kill(folder: Path) -> None:
    """Its QEMU, if this process is still that."""
    with suppress(OSError, ValueError):
        process = int((folder / "pid").read_text())
        if os.fsencode(folder) in Path("/proc", str(process), "cmdline").read_bytes():
            os.kill(process, signal.SIGKILL)


def _remove_rules(bridge: str) -> None:
    for table in ("filter", "nat"):
        listed = subprocess.run(
            ["iptables", "-w", "-t", table, "-S"], capture_output=True, text=True, check=False
        )
        for rule in listed.stdout.splitlines():
            if rule.startswith("-A ") and bridge in rule.split():
                subprocess.run(["iptables", "-w", "-t", table, "-D", *rule.split()[1:]], check=False)


def _lives(process: str) -> bool:
    return Path("/proc", process).exists()
