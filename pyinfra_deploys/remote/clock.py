"""Whether the service that keeps the clock has to be started; systemd skips it where the clock is not ours."""

from __future__ import annotations

import subprocess
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    if question["make"]:
        for words in (["unmask"], ["enable", "--now"]):
            done = subprocess.run(
                ["systemctl", *words, question["unit"]], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(done.stderr.strip().splitlines()[-1])
    return {"differs": _differs(question)}


def _differs(question: dict[str, Any]) -> bool:
    words = [
        "systemctl",
        "show",
        question["unit"],
        "-p",
        "ActiveState,UnitFileState,ConditionResult,LoadState",
    ]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    enabled, active = found.get("UnitFileState") == "enabled", found.get("ActiveState") == "active"
    skipped = found.get("ConditionResult") == "no" and enabled
    return not (enabled and (active or skipped))
