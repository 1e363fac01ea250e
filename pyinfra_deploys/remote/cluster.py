"""The cluster: whether Debian's tools know it, and its making. What is there already is never touched."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    folder = "/etc/postgresql/%s/%s" % (question["version"], question["name"])
    config = folder + "/postgresql.conf"
    if question["make"]:
        if not os.path.exists(config) or (os.path.exists(_marker(question)) and not _includes(config)):
            _make(question, config)
        if not _includes(config):
            with open(config, "a", encoding="utf-8") as file:
                file.write("include_dir = 'conf.d'\n")
        if os.path.exists(_marker(question)):
            os.unlink(_marker(question))
    there = os.path.exists(config)
    complete = there and os.path.exists(question["data_directory"] + "/PG_VERSION")
    if there and not complete and not os.path.exists(_marker(question)):
        raise SystemExit(
            "%s says that the cluster is in %s, and that holds none; is its disk mounted?"
            % (config, question["data_directory"])
        )
    return {"differs": not complete or os.path.exists(_marker(question)) or not _includes(config)}


def _marker(question: dict[str, Any]) -> str:
    """Stands beside the data directory for as long as initdb is at work in it."""
    return "%s.pgdeploy-initdb" % question["data_directory"]


def _make(question: dict[str, Any], config: str) -> None:
    data, marker = question["data_directory"], _marker(question)
    if os.path.exists(marker):
        # a run of ours was cut short in initdb; the folder was empty before it
        _run(["find", data, "-mindepth", "1", "-delete"])
        if os.path.exists(config):
            _run(["pg_dropcluster", question["version"], question["name"]])
    elif os.path.isdir(data) and [name for name in os.listdir(data) if name != "lost+found"]:
        raise SystemExit(data + " is not empty, and is left alone")
    parent = os.path.dirname(data)
    os.makedirs(parent, mode=0o755, exist_ok=True)
    with open(marker, "w", encoding="ascii") as file:
        file.write("initdb of pgdeploy is at work in the folder beside this file\n")
    words = ["pg_createcluster", "-d", data, "-p", str(question["port"]), "--locale", question["locale"]]
    words += ["-e", question["encoding"], question["version"], question["name"], "--"]
    if question["checksums"]:
        words.append("--data-checksums")
    elif int(question["version"]) >= 18:
        words.append("--no-data-checksums")
    _run(words)


def _includes(config: str) -> bool:
    with open(config, encoding="utf-8") as file:
        return re.search(r"(?m)^\s*include_dir\s*=\s*'conf\.d'", file.read()) is not None


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        # what initdb does after a failure is the end of what it says, and not the reason
        reasons = [line for line in said if re.search("PANIC:|FATAL:|ERROR:|HINT:|error:", line)]
        raise SystemExit(words[0] + ": " + "; ".join(reasons[:3] or said[-3:]))
