"""Looks at the command lines of all processes, again and again, for what must not stand in one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Self

PAUSE = 0.01
"""Seconds between two looks."""


class Watch:
    """`found` are command lines with the word; `seen` is how many of ours were looked at."""

    def __init__(self, word: bytes, ours: bytes) -> None:
        self._word, self._ours = word, ours
        self.found: set[bytes] = set()
        self.seen = 0
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            for process in Path("/proc").iterdir():
                if not process.name.isdigit():
                    continue
                with suppress(OSError):
                    line = (process / "cmdline").read_bytes()
                    self.seen += self._ours in line
                    if self._word in line:
                        self.found.add(line)
