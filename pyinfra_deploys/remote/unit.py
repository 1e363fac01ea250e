"""A unit that is enabled and runs, and has read its files since they were changed."""

from __future__ import annotations

import os
import subprocess
import time
from typing import Any

SHOWN = "ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"


def main(question: dict[str, Any]) -> dict[str, Any]:
    unit = question["unit"]
    differs = _differs(unit, question["paths"])
    if differs and question["make"]:
        _systemctl("daemon-reload")
        _systemctl("unmask", unit)
        _systemctl("enable", "-q", unit)
        # after too many failed starts systemd refuses another one
        subprocess.run(["systemctl", "reset-failed", unit], capture_output=True, check=False)
        _systemctl("restart", unit)
    return {"differs": differs}


def _differs(unit: str, paths: list[str]) -> bool:
    words = ["systemctl", "show", unit, "-p", SHOWN]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines)
    if found["ActiveState"] != "active" or found["UnitFileState"] != "enabled":
        return True
    # on the wall clock, as files have it
    started = time.time() - time.monotonic() + int(found["ActiveEnterTimestampMonotonic"]) / 1e6
    newer = any(os.stat(path).st_mtime > started for path in paths if os.path.exists(path))
    return newer or found["NeedDaemonReload"] == "yes"


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit((done.stderr.strip().splitlines() or ["systemctl failed"])[0])
