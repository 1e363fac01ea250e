"""What every kind of scripts has in common: a question, its answer, and what is run again after a lock."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

from pgdeploy.layers.migration.child.rehearsal import Trace, rehearse
from pgdeploy.layers.migration.child.wording import code_of, place_of, words_of

WAITED = ("55P03", "40P01")
"""Codes of a lock that was not got in time, and of a deadlock: nothing is wrong, and the revision can be run again."""
LONGEST_PAUSE = 5.0
"""Seconds between two tries."""


def folder_of(question: Mapping[str, Any]) -> str:
    """Below which the scripts are."""
    path = Path(question["path"])
    return str(path if path.is_dir() else path.parent)


class Asked:
    """One question about one set of scripts; each act is a method of this name."""

    def __init__(self, question: Mapping[str, Any], answer: IO[str], lines: SimpleQueue[str]) -> None:
        self.question, self._answer, self._lines = question, answer, lines
        self.done = 0
        """So many revisions were run since the last try began."""

    @property
    def at(self) -> str:
        """The revision that failed, or an empty text."""
        raise NotImplementedError

    def place(self, error: BaseException) -> str:
        """The file and line that failed, or an empty text."""
        return place_of(error, folder_of(self.question))

    def say(self, **line: object) -> None:
        self._answer.write(json.dumps(line) + "\n")
        self._answer.flush()

    def _wait(self) -> None:
        self._lines.get()

    def again(self, run: Callable[[], None]) -> None:
        """Run it; when a lock was not got, after a pause again: what is there by then it leaves alone."""
        tries = 0
        while True:
            self.done = 0
            try:
                run()
                break
            except Exception as error:
                tries = 1 if self.done else tries + 1
                if code_of(error) not in WAITED or tries > self.question["retries"]:
                    raise
                self.say(waited=words_of(error), revision=self.at, tries=tries)
                time.sleep(random.uniform(0.5, 1.0) * min(2.0 ** (tries - 1), LONGEST_PAUSE))  # noqa: S311
        self.say(result={})

    def rehearsed(self, up: Callable[[str], None], down: Callable[[str], None], trace: Trace) -> None:
        """Each revision up, down and up again; after each of these the next waits for a line."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.listen(Engine, "before_cursor_execute", trace.before)
        event.listen(Engine, "after_cursor_execute", trace.after)
        rehearse(self.question["revisions"], up, down, trace, self.say, self._wait)
        self.say(result={})
