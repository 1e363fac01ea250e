"""A line of pg_hba.conf that reads other files (from PostgreSQL 16).

What stands in those files is not the spec's: whoever keeps them writes it. The line itself, and its place among the
rules, is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.facts import Facts
from pgdeploy.format import pg_hba
from pgdeploy.format.hba_text import INCLUDES
from pgdeploy.problem import ValueProblem
from pgdeploy.resources import authfile
from pgdeploy.resources.authfile import Reference
from pgdeploy.resources.hbafile import HBA_CONF, HbaRule, beyond_own
from pgdeploy.resources.hbarule import Match
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import checked

SINCE = 16
"""The version of PostgreSQL that knows such lines."""


def _path(text: str) -> str:
    if not text:
        raise ValueProblem("a file or folder needs a name")
    return pg_hba.quoted(text)


ServerPath = Annotated[str, checked(_path)]


class HbaIncludeSpec(Model):
    """One such line: one of the three words, with a path that is relative to the folder of pg_hba.conf."""

    include: ServerPath | None = Field(None, description="a file of rules, which must be there")
    include_if_exists: ServerPath | None = Field(None, description="a file of rules, which may be absent")
    include_dir: ServerPath | None = Field(
        None, description="a folder: its files that end in .conf, in the order of their names"
    )

    @model_validator(mode="after")
    def _one_word(self) -> HbaIncludeSpec:
        if len(self._written) != 1:
            text = "a line that reads other files has exactly one of {words}"
            raise PydanticCustomError("hba", text, {"words": ", ".join(INCLUDES)})
        return self

    @property
    def _written(self) -> Mapping[str, str]:
        found = {word: getattr(self, word) for word in INCLUDES}
        return {word: path for word, path in found.items() if path is not None}

    @property
    def match(self) -> Match:
        """What it is called, among rules."""
        [(word, path)] = self._written.items()
        return Match(word, (), (), path)

    def match_at(self, folder: str) -> Match:
        """The same, of a pg_hba.conf in this folder: one spelling of the path."""
        match = self.match
        return match._replace(address=posixpath.normpath(posixpath.join(folder, match.address or "")))


class Entry(NamedTuple):
    """What the server has, in the order in which it counts: a rule, or a line that reads other files."""

    match: Match
    place: str
    rule: HbaRule | None
    by: Match | None
    """The line of pg_hba.conf itself that brings a rule of another file."""


def entries(facts: Facts) -> tuple[Entry, ...]:
    """The rules that the server can read, and the lines of pg_hba.conf itself that bring some of them.

    Raises:
        Unreadable: the files cannot be read.
    """
    lines = _lines(facts)
    placed = [((line.line, 0), _line(line)) for line in lines]
    placed += _rules(facts, lines)
    return tuple(entry for _, entry in sorted(placed, key=lambda pair: pair[0]))


def broken_by(facts: Facts, broken: Iterable[HbaRule], ours: Collection[Match]) -> str:
    """Why writing pg_hba.conf anew does not mend these lines: a line of the spec brings one of them; else nothing."""
    main = authfile.main_file(facts, HBA_CONF)
    for line in _lines(facts):
        if _line(line).match not in ours:
            continue
        files = authfile.reached(facts, HBA_CONF, line.target)
        if any(
            posixpath.normpath(rule.file) in files or (rule.file, rule.line) == (main, line.line)
            for rule in broken
        ):
            return f"the spec reads {line.target} and does not say what is in it: who keeps it mends it, then reloads"
    return ""


def _lines(facts: Facts) -> list[Reference]:
    """The lines of pg_hba.conf itself that read other files."""
    return [found for found in authfile.references(facts, HBA_CONF) if found.directive in INCLUDES]


def _rules(facts: Facts, lines: Sequence[Reference]) -> Iterator[tuple[tuple[int, int], Entry]]:
    """Each rule with the line of pg_hba.conf by which it counts, and its number."""
    main = authfile.main_file(facts, HBA_CONF)
    brought = [(line, authfile.reached(facts, HBA_CONF, line.target)) for line in lines]
    at = 0
    for number, rule in enumerate(facts.once(beyond_own), 1):
        if rule.error:
            continue
        line = None
        if rule.file == main:
            at = rule.line
        else:
            # rules come in order, so none is of a line before the last one
            file = posixpath.normpath(rule.file)
            line = next((one for one, files in brought if one.line >= at and file in files), None)
            at = line.line if line is not None else at
        yield (at, number), Entry(rule.match, rule.place, rule, _line(line).match if line else None)


def _line(line: Reference) -> Entry:
    return Entry(Match(line.directive, (), (), line.target), f"{line.file}:{line.line}", None, None)
