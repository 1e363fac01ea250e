"""A time by which something must be done: what is not done then is interrupted, as by Ctrl-C."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLate(KeyboardInterrupt):
    """It was not done in time. Whoever is ready for Ctrl-C (psycopg, threads, children) is ready for it."""


_AT_ONCE = 0.001


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Of the main thread alone; one within another ends at the earlier of the two. Raises TooLate in it."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooLate

    outer, _ = signal.getitimer(signal.ITIMER_REAL)
    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, outer) if outer else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - began), _AT_ONCE))
