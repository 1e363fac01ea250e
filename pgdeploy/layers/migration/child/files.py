"""Numbered files of SQL: the way up and the way back of each revision, and the statements that these are made of.

0001_orders.up.sql and 0001_orders.down.sql     as golang-migrate has them
0001_orders.sql, with `-- migrate:up` and `-- migrate:down`, or `-- +goose Up` and `-- +goose Down` in it
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pgdeploy.layers.migration.child.wording import Refused
from pgdeploy.layers.migration.squawk import Statement, statements_of

_NAME = re.compile(r"(?P<number>\d+)[_-](?P<doc>.+?)(?:\.(?P<way>up|down))?\.sql")
_MARK = re.compile(
    r"^[ \t]*--[ \t]*(?:migrate:|\+goose[ \t]+)(?P<way>up|down)\b(?P<options>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ALONE = re.compile(
    r"^[ \t]*--[ \t]*(?:pgdeploy:[ \t]*no-transaction|\+goose[ \t]+NO[ \t]+TRANSACTION)\b",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_COMMITS = re.compile(r"(COMMIT|END)(\s+(WORK|TRANSACTION))?\s*;?", re.IGNORECASE)
_COPIES = re.compile(r"COPY\b.*\bFROM\s+STDIN\b", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Script:
    """One way of a revision. `first` is the line of the file on which its text begins."""

    path: Path
    text: str
    first: int = 1
    alone: bool = False
    """Whether each statement is a transaction of its own, as CREATE INDEX CONCURRENTLY wants it."""

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Without the BEGIN and COMMIT around all of them: a revision is one transaction anyway.

        Raises:
            Refused: it has psql's commands, or ends a transaction in its middle.
        """
        found = statements_of(self.text)
        if not self.alone and len(found) > 1 and found[0].begins and _COMMITS.fullmatch(found[-1].text):
            found = found[1:-1]
        for one in found:
            self._require_plain(one)
        return tuple(found)

    @property
    def body(self) -> str:
        """The text, without that BEGIN and COMMIT; its lines are those of the file."""
        if not self.statements:
            return ""
        first, last = self.statements[0], self.statements[-1]
        return "\n" * self.text.count("\n", 0, first.begin) + self.text[first.begin : last.begin] + last.text

    def line_of(self, one: Statement) -> int:
        """The line of the file on which it begins."""
        return self.first + self.text.count("\n", 0, one.begin)

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing but comments."""
        return not _COMMENT.sub("", self.text).strip()

    def _require_plain(self, one: Statement) -> None:
        where = f"{self.path}:{self.line_of(one)}: {one.text.split(chr(10))[0][:60]}"
        if one.text.startswith("\\"):
            raise Refused(f"{where}: is a command of psql, and the server does not know it; write SQL")
        if _COPIES.match(one.text):
            raise Refused(f"{where}: reads what follows, which only psql does; write INSERT, or a seed")
        if one.begins or one.ends:
            raise Refused(
                f"{where}: a revision is one transaction; `-- pgdeploy: no-transaction` makes it none"
            )


@dataclass(frozen=True, slots=True)
class Numbered:
    """A revision. `revision` is its number as the files write it."""

    number: int
    revision: str
    doc: str
    up: Script
    down: Script | None

    @property
    def digest(self) -> str:
        """Of the way up, but for how its lines end."""
        lines = (line.rstrip() for line in self.up.text.strip().splitlines())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_files(folder: Path) -> tuple[Numbered, ...]:
    """All revisions of a folder, in the order of their numbers.

    Raises:
        Refused: a file is none, has no way up, or has the number of another.
    """
    ways: dict[int, dict[str, Script]] = {}
    names: dict[int, tuple[str, str, str]] = {}
    for path in sorted(folder.glob("*.sql")):
        named = _NAME.fullmatch(path.name)
        if named is None:
            raise Refused(
                f"{path}: write NUMBER_NAME.up.sql and NUMBER_NAME.down.sql, or NUMBER_NAME.sql with `-- migrate:up`"
            )
        number = int(named["number"])
        known = names.setdefault(number, (named["number"], named["doc"], path.name))
        for way, script in _ways(path, named["way"]):
            if known[:2] != (named["number"], named["doc"]) or way in ways.get(number, {}):
                raise Refused(f"{path}: has the number of {known[2]}; give it another")
            ways.setdefault(number, {})[way] = script
    return tuple(_numbered(number, names[number], ways[number]) for number in sorted(ways))


def _numbered(number: int, named: tuple[str, str, str], ways: dict[str, Script]) -> Numbered:
    if "up" not in ways:
        raise Refused(f"{ways['down'].path}: has no way up; write {named[0]}_{named[1]}.up.sql")
    return Numbered(number, named[0], named[1].replace("_", " "), ways["up"], ways.get("down"))


def _ways(path: Path, way: str | None) -> Iterator[tuple[str, Script]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not UTF-8") from None
    alone = _ALONE.search(text) is not None
    marks = list(_MARK.finditer(text))
    if way is not None or not marks:
        yield way or "up", Script(path, text, alone=alone)
        return
    if _COMMENT.sub("", text[: marks[0].start()]).strip():
        raise Refused(f"{path}: has SQL before `{marks[0].group().strip()}`, which nobody would run")
    for mark, end in zip(marks, [*(one.start() for one in marks[1:]), len(text)], strict=True):
        first = text.count("\n", 0, mark.start()) + 1
        single = alone or "transaction:false" in mark["options"].replace(" ", "").lower()
        yield mark["way"].lower(), Script(path, text[mark.start() : end], first, single)


def is_marked(known: Sequence[Numbered]) -> bool:
    """Whether the newest revision has both ways in one file."""
    return bool(known) and known[-1].down is not None and known[-1].down.path == known[-1].up.path
