"""The end of every script of ours: the question is asked; changes one at a time, failures in one line.

A run that was killed here may be at work there still: who comes next waits for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

ALONE = "/run/pgdeploy.lock"
PATIENCE = 180


def answer(ask: Callable[[dict[str, Any]], Any], question: dict[str, Any]) -> None:
    try:
        if question.get("make"):
            with open(ALONE, "a", encoding="ascii", opener=_for_root_alone) as lock:
                # an older version let everybody read it, and who may read it can hold it
                os.fchmod(lock.fileno(), 0o600)
                _wait_for_turn(lock.fileno())
                found = ask(question)
        else:
            found = ask(question)
    except OSError as error:
        where = error.filename2 or error.filename
        sys.exit("%s: %s" % (where, error.strerror) if where else error.strerror)
    sys.stdout.write(json.dumps(found) + "\n")


def _for_root_alone(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _wait_for_turn(lock: int) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise SystemExit("another run of pgdeploy is at work here for %d s" % PATIENCE) from None
            time.sleep(0.1)
