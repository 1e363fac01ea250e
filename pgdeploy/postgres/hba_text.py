"""pg_hba.conf as it is read: lines of fields, fields of words, as PostgreSQL's own reader takes them apart.

The server's views show words without their quotes, which make a name of a keyword, and leave options out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_BLANK = " \t\r"


class Word(NamedTuple):
    """A word; `quoted` when it begins with a double quote: then it is no keyword, no group and no file's name."""

    text: str
    quoted: bool

    @property
    def file(self) -> str | None:
        """The file that stands for its words: `@file`."""
        return self.text[1:] if self.text.startswith("@") and len(self.text) > 1 and not self.quoted else None


class Line(NamedTuple):
    """A line that says something, by the number at which it begins."""

    number: int
    fields: tuple[tuple[Word, ...], ...]


class Include(NamedTuple):
    """A line that reads other files (from PostgreSQL 16)."""

    directive: str
    path: str


INCLUDES = ("include", "include_if_exists", "include_dir")


def lines(text: str) -> Iterator[Line]:
    """Every line that is not empty; those that end with a backslash go on in the next."""
    pending, begun = "", 0
    for number, raw in enumerate(text.removesuffix("\n").split("\n"), 1):
        begun = begun or number
        # carriage returns belong to the end of the line
        part = raw.rstrip("\r")
        if part.endswith("\\"):
            pending += part[:-1]
            continue
        if fields := tuple(_fields(pending + part)):
            yield Line(begun, fields)
        pending, begun = "", 0
    if begun and (fields := tuple(_fields(pending))):
        yield Line(begun, fields)


def include(line: Line) -> Include | None:
    """The files that this line reads; None for a rule."""
    if len(line.fields) != 2 or line.fields[0][0].text not in INCLUDES:
        return None
    return Include(line.fields[0][0].text, line.fields[1][0].text)


def _fields(line: str) -> Iterator[tuple[Word, ...]]:
    """Words with a comma between them are one field, blanks beside the comma or not."""
    at = 0
    while at < len(line):
        field: list[Word] = []
        more = True
        while more:
            word, at, more = _word(line, at)
            if word is None:
                break
            field.append(word)
        if not field:
            return
        yield tuple(field)


def _word(line: str, at: int) -> tuple[Word | None, int, bool]:
    """The next word, where it ends, and whether a comma follows at once."""
    while at < len(line) and line[at] in f"{_BLANK},":
        at += 1
    start = at
    text, inside, doubled = "", False, False
    while at < len(line) and (inside or line[at] not in f"{_BLANK},#"):
        quote = line[at] == '"'
        if not quote or doubled:
            text += line[at]
        # two quotes inside of quotes are one
        doubled = quote and inside and not doubled
        inside ^= quote
        at += 1
    comma, rest = line.startswith(",", at), line.startswith("#", at)
    # `+"name"` is a group all the same
    found = Word(text, line[start] == '"') if at > start else None
    return found, len(line) if rest else at + comma, comma
