"""apt and dpkg, free for us and whole: who else is at work is waited for, what was cut short is finished."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import time
from typing import Any

LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")
FLOCK = "hhqqi"
"""struct flock of Linux, on 64 bits: type, whence, start, length, process."""


def main(question: dict[str, Any]) -> dict[str, Any]:
    differs = _cut_short()
    if question["make"]:
        _wait(question["seconds"])
        if _cut_short():
            _run(["dpkg", "--configure", "-a", "--force-confold"])
            _run(["apt-get", "-y", "--fix-broken", "install"])
    return {"differs": differs}


def _cut_short() -> bool:
    """A kill or a full disk in the middle; no package can be installed before it is finished."""
    audit = subprocess.run(["dpkg", "--audit"], capture_output=True, text=True, check=False)
    return bool(os.listdir("/var/lib/dpkg/updates")) or bool(audit.stdout.strip())


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        holder = _held()
        if not holder:
            return
        if time.monotonic() > end:
            raise SystemExit("%s, for %g s; wait for it, or end it" % (holder, seconds))
        time.sleep(0.2)


def _held() -> str:
    """Which lock is held, and by whom; or nothing."""
    for path in LOCKS:
        if not os.path.exists(path):
            continue
        with open(path, "r+b") as file:
            wanted = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, process = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
        if kind != fcntl.F_UNLCK:
            return "%s is held by process %d (%s)" % (path, process, _name(process))
    return ""


def _name(process: int) -> str:
    try:
        with open("/proc/%d/comm" % process, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "gone"


def _run(words: list[str]) -> None:
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise SystemExit(words[0] + ": " + "; ".join(said[-3:]))
