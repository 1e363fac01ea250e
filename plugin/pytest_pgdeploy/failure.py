"""What a failure looks like: the words of the finding. No traceback, whatever `--tb` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pgdeploy.text.one_line import escape


class _Writer(Protocol):
    def line(self, s: str = "", **markup: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Crash:
    """The short form: `--tb=line` prints all of it, pytest's short summary the message."""

    path: str
    lineno: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.lineno}: {self.message}"


class Failure:
    """Stands where pytest has the representation of an exception; pytest asks for no more than this of one."""

    def __init__(self, text: str, crash: Crash) -> None:
        self.text = text
        self.reprcrash = crash

    def __str__(self) -> str:
        return self.text

    def toterminal(self, tw: _Writer) -> None:
        first, *rest = self.text.split("\n")
        tw.line(escape(first), red=True, bold=True)
        for line in rest:
            tw.line(escape(line))
