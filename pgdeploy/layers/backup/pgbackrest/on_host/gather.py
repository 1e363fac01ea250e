"""Runs on the host: what pgBackRest says of its repositories, the timers, WAL that waits, records of restores."""

from __future__ import annotations

import glob
import grp
import json
import os
import pwd
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pgdeploy.layers.backup.pgbackrest.on_host.common import answer, pgbackrest, why

PATIENCE = 20
"""Seconds that a store on the network may take."""
LARGEST = 1 << 20

question: dict[str, Any] = globals().get("question", {})


def info() -> Any:
    """Of each repository by itself, side by side: one that does not answer hides nothing of the others."""
    numbers = range(1, question["repositories"] + 1)
    with ThreadPoolExecutor(max_workers=len(numbers)) as threads:
        return dict(zip(map(str, numbers), threads.map(said_of, numbers)))


def said_of(number: int) -> dict[str, Any]:
    words = ["--repo=%d" % number, "--io-timeout=10", "--output=json", "info"]
    try:
        done = pgbackrest(question["stanza"], words, PATIENCE)
    except SystemExit as error:
        return {"error": str(error)}
    # the message of an error has line breaks in it as they are
    return {"error": why(done)} if done.returncode else {"value": json.loads(done.stdout, strict=False)}


def ready() -> Any:
    """How many files of WAL wait, and for how long the oldest does."""
    folder = os.path.join(question["data_directory"], "pg_wal", "archive_status")
    times = [os.lstat(name).st_mtime for name in glob.glob(glob.escape(folder) + "/*.ready")]
    return {"number": len(times), "oldest": time.time() - min(times) if times else 0.0}


def config() -> Any:
    """The file with masks for its secrets, its owner and mode; None where there is none."""
    try:
        with open(question["config"], "rb") as file:
            known = os.fstat(file.fileno())
            text = file.read(LARGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    lines = [masked(line) for line in text.splitlines(keepends=True)]
    owner, group = pwd.getpwuid(known.st_uid).pw_name, grp.getgrgid(known.st_gid).gr_name
    mode = "%04o" % stat.S_IMODE(known.st_mode)
    others = sorted(glob.glob(os.path.dirname(question["config"]) + "/conf.d/*.conf"))
    return {"text": "".join(lines), "owner": owner, "group": group, "mode": mode, "others": others}


def masked(line: str) -> str:
    name, equals, _ = line.partition("=")
    secret = equals and name.strip().endswith(tuple(question["secret_options"]))
    return name + "=" + question["mask"] + "\n" if secret else line


def timers() -> Any:
    return {name: shown(name) for name in question["timers"]}


def shown(name: str) -> dict[str, Any]:
    service = name.replace(".timer", ".service")
    timer = properties(name, "LoadState,ActiveState,UnitFileState")
    run = properties(service, "Result")
    return {
        "load": timer["LoadState"],
        "active": timer["ActiveState"],
        "enabled": timer["UnitFileState"],
        "result": run["Result"],
    }


def properties(unit: str, names: str) -> dict[str, str]:
    words = ["systemctl", "show", unit, "-p", names]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def records() -> Any:
    """The texts of the records, by name; what is too large is none of ours."""
    found = {}
    for path in sorted(Path(question["records"]).glob("*.json")):
        with path.open("rb") as file:
            found[path.name] = file.read(LARGEST).decode("utf-8", "replace")
    return found


def answers() -> dict[str, Any]:
    found: dict[str, Any] = {"now": {"value": time.time()}}
    for section in (info, ready, config, timers, records):
        try:
            found[section.__name__] = {"value": section()}
        except (OSError, KeyError, ValueError, SystemExit, subprocess.SubprocessError) as error:
            found[section.__name__] = {"error": str(error)}
    return found


if __name__ == "__main__":
    answer(answers)
