"""One time limit for all that is waited for, which says what it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pgdeploy.errors import TargetError
from pgdeploy.model.host.amount import seconds_of

T = TypeVar("T")

PAUSE = 0.05
LONGEST_PAUSE = 2.0
"""Seconds between two looks at the first, and later."""


class NotYet(Exception):
    """What is waited for is not there yet, but may come; the message says what is there instead."""


class Deadline:
    """`within` of a spec, counted from now. `note` is told what is waited for."""

    def __init__(self, within: str, note: Callable[[str], None]) -> None:
        self._within = within
        self._note = note
        self._end = time.monotonic() + seconds_of(within)

    @property
    def left(self) -> int:
        """Seconds, at least one."""
        return max(1, round(self._end - time.monotonic()))

    def check(self, what: str, last: str = "") -> None:
        """Raises TargetError when the time is over."""
        if time.monotonic() > self._end:
            raise TargetError(
                f"waiting for {what} took longer than `within: {self._within}` of the spec"
                f"{f' ({last})' if last else ''}; what runs goes on: run it again to take it up"
            )

    def until(self, what: str, look: Callable[[], T]) -> T:
        """What `look` gives. As long as it raises NotYet, it is asked again.

        Raises:
            TargetError: it never gave anything; with what it said last.
        """
        pause, last, told = PAUSE, "", False
        while True:
            try:
                return look()
            except NotYet as error:
                last = str(error)
            if not told:
                self._note(f"waiting for {what}")
                told = True
            self.check(what, last)
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
