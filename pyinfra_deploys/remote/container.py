"""A container of docker compose that runs, and was made since its files were changed."""

from __future__ import annotations

import calendar
import json
import os
import subprocess
import time
from typing import Any

SECONDS = 60
"""That `up --wait` may take once the image is there."""


def main(question: dict[str, Any]) -> dict[str, Any]:
    differs = _differs(question)
    if differs and question["make"]:
        # compose sees neither a secret that is another now nor, as a mount is of the file that was there, its new file
        words = ["up", "-d", "--wait", "--wait-timeout", str(SECONDS), "--force-recreate"]
        _run(["docker", "compose", "--project-directory", question["folder"], *words])
    return {"differs": differs}


def _differs(question: dict[str, Any]) -> bool:
    words = ["docker", "container", "inspect", question["name"]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # there is none; or docker is at fault, and then making one is what fails
        return True
    (known,) = json.loads(done.stdout)
    found = {
        "state": known["State"]["Status"],
        "image": known["Config"]["Image"],
        "restart": known["HostConfig"]["RestartPolicy"]["Name"],
    }
    created = _seconds(known["Created"])
    newer = any(os.stat(path).st_mtime > created for path in question["paths"] if os.path.exists(path))
    return newer or found != question["desired"]


def _seconds(when: str) -> float:
    """Since 1970, of docker's 2026-11-21T16:24:28.538055288Z."""
    whole, _, part = when.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (part or "0"))


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise SystemExit("docker compose: " + (said[-1] if said else "it failed"))
