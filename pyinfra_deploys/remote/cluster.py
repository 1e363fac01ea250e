"""The cluster: whether Debian's tools know it, and its making. What is there already is never touched."""

from __future__ import annotations

import re
import subprocess
from typing import Any

from pgdeploy.local.nofollow import open_folder
from pyinfra_deploys.remote.whole import State, entry_of, remove_file, state_of, write_whole

INCLUDE = "include_dir = 'conf.d'\n"


def main(question: dict[str, Any]) -> dict[str, Any]:
    folder = "/etc/postgresql/%s/%s" % (question["version"], question["name"])
    config = folder + "/postgresql.conf"
    if question["make"]:
        if entry_of(config) is None or (_begun(question) and not _includes(config)):
            _make(question, config)
        if not _includes(config):
            _include(config)
        remove_file(_marker(question))
    there = entry_of(config) is not None
    complete = there and entry_of(question["data_directory"] + "/PG_VERSION") is not None
    if there and not complete and not _begun(question):
        raise SystemExit(
            "%s says that the cluster is in %s, and that holds none; is its disk mounted?"
            % (config, question["data_directory"])
        )
    return {"differs": not complete or _begun(question) or not _includes(config)}


def _marker(question: dict[str, Any]) -> str:
    """Stands beside the data directory for as long as initdb is at work in it."""
    return "%s.pgdeploy-initdb" % question["data_directory"]


def _begun(question: dict[str, Any]) -> bool:
    return entry_of(_marker(question)) is not None


def _make(question: dict[str, Any], config: str) -> None:
    data = question["data_directory"]
    if _begun(question):
        # a run of ours was cut short in initdb; the folder was empty before it
        if entry_of(data) is not None:
            with open_folder(data) as folder:
                folder.empty()
        if entry_of(config) is not None:
            _run(["pg_dropcluster", question["version"], question["name"]])
    elif [name for name in _names(data) if name != "lost+found"]:
        raise SystemExit(data + " is not empty, and is left alone")
    text = "initdb of pgdeploy is at work in the folder beside this file\n"
    mark = {"path": _marker(question), "text": text, "owner": "root", "group": "root", "mode": "0644"}
    write_whole(mark)
    words = ["pg_createcluster", "-d", data, "-p", str(question["port"]), "--locale", question["locale"]]
    words += ["-e", question["encoding"], question["version"], question["name"], "--"]
    if question["checksums"]:
        words.append("--data-checksums")
    elif int(question["version"]) >= 18:
        words.append("--no-data-checksums")
    _run(words)


def _names(path: str) -> list[str]:
    try:
        with open_folder(path) as folder:
            return folder.names()
    except FileNotFoundError:
        return []


def _includes(config: str) -> bool:
    return re.search(r"(?m)^\s*include_dir\s*=\s*'conf\.d'", _text(config)[0]) is not None


def _include(config: str) -> None:
    text, owner, group, mode = _text(config)
    end = "" if text.endswith("\n") else "\n"
    file = {"path": config, "owner": owner, "group": group, "mode": oct(mode)[2:]}
    write_whole({**file, "text": text + end + INCLUDE})


def _text(config: str) -> State:
    found = state_of(config)
    if found is None:
        raise SystemExit("%s is no plain file of its own; it is not read, and not written" % config)
    return found


def _run(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        # what initdb does after a failure is the end of what it says, and not the reason
        reasons = [line for line in said if re.search("PANIC:|FATAL:|ERROR:|HINT:|error:", line)]
        raise SystemExit(words[0] + ": " + "; ".join(reasons[:3] or said[-3:]))
