"""SIGTERM and SIGHUP end a run as Ctrl-C does: what was begun is undone on the way out.

CI systems cancel by SIGTERM, a terminal that closes sends SIGHUP. By default Python ends at once, and leaves servers,
containers, logins and folders behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

ENDING = (signal.SIGTERM, signal.SIGHUP)
AGAIN = 5
"""Seconds in which further signals are not heeded: systemd and shells send two in a row, and the first is at work."""
GRACE = 20
"""Seconds that a child has to undo what it began, before it is killed."""


class Ended(KeyboardInterrupt):
    """A signal that ends the run. Whoever is ready for Ctrl-C (psycopg, pytest) is ready for it."""


class Ending:
    """The handlers, for as long as they are installed; `number` is the signal that came, Ctrl-C where none did."""

    def __init__(self) -> None:
        self.number: int = signal.SIGINT
        self._since = float("-inf")
        self._before: dict[signal.Signals, Any] = {}

    @property
    def name(self) -> str:
        """In words."""
        return (
            "interrupted" if self.number == signal.SIGINT else f"ended by {signal.Signals(self.number).name}"
        )

    def install(self) -> Ending:
        """Where nobody else has a handler: `nohup` and other programs have their own idea of an end."""
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._before[number] = signal.signal(number, self._end)
        return self

    def restore(self) -> None:
        for number, before in self._before.items():
            if signal.getsignal(number) == self._end:
                signal.signal(number, before)
        self._before.clear()

    def _end(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._since > AGAIN:
            self.number, self._since = number, now
            raise Ended(signal.Signals(number).name)


@contextmanager
def finishing() -> Iterator[None]:
    """What is done in here is finished, and a signal that came meanwhile, Ctrl-C too, is heeded afterwards.

    For steps that would leave something behind when they are cut short: closing, and the start of a server.
    """
    came: list[int] = []
    held: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (*ENDING, signal.SIGINT, signal.SIGALRM):
            before = signal.getsignal(number)
            if before not in (None, signal.SIG_IGN):
                held[number] = before
                signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, before in held.items():
            signal.signal(number, before)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def ended_with_us(running: subprocess.Popen[Any]) -> Iterator[None]:
    """When this is left early, end a child that leads a process group of its own, and all that it started."""
    try:
        yield
    except BaseException:
        with finishing():
            _end_group(running)
        raise


def _end_group(running: subprocess.Popen[Any]) -> None:
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(running.pid, number)
        with suppress(subprocess.TimeoutExpired):
            running.wait(patience)
            return
