"""What the scripts on a host have in common: programs run as the server's user, and say why they failed.

They run there as root, and need Python 3.9 and nothing else.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
SERVER = "postgres"
"""The OS user of the server."""


def die_with_us() -> None:
    """What we started does not outlive us: a restore that nobody waits for would write on under the next one."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def as_server(
    words: list[str], seconds: float | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user, with a clean environment and what `more` adds."""
    known = pwd.getpwnam(SERVER)
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
        cwd="/",
        timeout=seconds,
        env={"PATH": PROGRAMS, "LC_ALL": "C", "HOME": known.pw_dir, **more},
        user=known.pw_uid,
        group=known.pw_gid,
        extra_groups=[],
        preexec_fn=die_with_us,
    )


def pgbackrest(
    stanza: str, words: list[str], seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """pgBackRest says what went wrong on stderr, and nothing else there."""
    options = ["--stanza=" + stanza, "--log-level-console=off", "--log-level-stderr=warn"]
    try:
        return as_server(["pgbackrest", *options, "--log-timestamp=n", *words], seconds)
    except FileNotFoundError:
        raise SystemExit("pgBackRest is not installed there") from None
    except subprocess.TimeoutExpired:
        raise SystemExit("pgBackRest does not answer within %d s" % (seconds or 0)) from None


def why(done: subprocess.CompletedProcess[str]) -> str:
    """The errors of a program in one line, as it says them."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    wrong = [line for line in lines if "ERROR" in line or "FATAL" in line] or lines
    return "; ".join(" ".join(line.split()) for line in wrong[:3]) or "exit status %d" % done.returncode


def control(binaries: str, data: str) -> dict[str, str]:
    """What pg_controldata says, by its own names; nothing where there is no whole data directory."""
    done = as_server([binaries + "/pg_controldata", data])
    lines = (line.partition(":") for line in done.stdout.splitlines())
    return {name: value.strip() for name, _, value in lines}


def alone(act: Callable[[], Any], lock: str, busy: str) -> Any:
    """Act while nobody else does. The lock is in a folder of root's; who has died holds it no more."""
    with open(lock, "a", encoding="ascii", opener=private) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(busy) from None
        return act()


def private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def give(path: str) -> None:
    """To the server's user."""
    known: Any = pwd.getpwnam(SERVER)
    os.chown(path, known.pw_uid, known.pw_gid, follow_symlinks=False)


def answer(act: Callable[[], Any]) -> None:
    """Print what an act gives, or why it failed."""
    try:
        said = {"answer": act()}
    except SystemExit as error:
        said = {"failed": str(error)}
    except OSError as error:
        where = error.filename2 or error.filename
        said = {"failed": "%s: %s" % (where, error.strerror) if where else str(error)}
    json.dump(said, sys.stdout)
