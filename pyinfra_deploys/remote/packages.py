"""The state of packages: which are missing, of another version than wanted, held."""

from __future__ import annotations

import fnmatch
import subprocess
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    installed = _installed()
    missing = [name for name in question["names"] if name not in installed]
    pattern = question.get("version")
    wrong = [
        name
        for name in question.get("pinned", [])
        if pattern and name in installed and not fnmatch.fnmatchcase(installed[name], pattern)
    ]
    held = _run(["apt-mark", "showhold"]).split()
    return {
        "missing": missing,
        "wrong": wrong,
        "held": held,
        "versions": {name: installed[name] for name in question["names"] if name in installed},
    }


def _installed() -> dict[str, str]:
    lines = _run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n"]).splitlines()
    rows = [line.split("\t") for line in lines]
    return {name: version for status, name, version in rows if status[1] == "i"}


def _run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit((done.stderr.strip().splitlines() or [words[0] + " failed"])[-1])
    return done.stdout
