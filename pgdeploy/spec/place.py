"""Where something stands in a file, and how a place inside a document is named.

A `Place` points at text; `Keys` point at data. What a user reads has both: the place to go to and the
dotted path that says what it is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from pgdeploy.text.one_line import escape

Keys: TypeAlias = tuple[str | int, ...]

# Longer than any message of ours, but for what it quotes.
_LONGEST = 1200

_PLAIN_KEY = re.compile(r"[\w-]+\Z")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{escape(self.file)}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong at a place: one line of a `SpecError`."""

    place: Place
    message: str

    def __str__(self) -> str:
        message = escape(self.message)
        if len(message) > _LONGEST:
            # what was read is at the front, what is allowed at the end
            message = f"{message[: _LONGEST // 2]} ... {message[-_LONGEST // 2 :]}"
        return f"{self.place}: {message}"


def dotted(keys: Keys) -> str:
    """The path as a user reads it: `roles.app.settings[0]`; a key with odd characters is quoted."""
    parts = [f"[{key}]" if isinstance(key, int) else f".{_quote(key)}" for key in keys]
    return "".join(parts).removeprefix(".")


def _quote(key: str) -> str:
    if _PLAIN_KEY.match(key):
        return key
    escaped = escape(key.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{escaped}"'
