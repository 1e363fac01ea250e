"""A line of pg_hba.conf that reads other files (from PostgreSQL 16).

What stands in those files is not the spec's: whoever keeps them writes it. The line itself, and its place among the
rules, is.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import authfile
from pgdeploy.layers.server.authfile import Reference
from pgdeploy.layers.server.hbafile import HBA_CONF, HbaRule, beyond_own
from pgdeploy.model.hbarule import Match
from pgdeploy.postgres.hba_text import INCLUDES


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
        if any(_is_of(rule, files) or (rule.file, rule.line) == (main, line.line) for rule in broken):
            return f"{line.target} is included, and pgdeploy does not manage what is in it: fix it there, then reload"
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
            line = next((one for one, files in brought if one.line >= at and _is_of(rule, files)), None)
            at = line.line if line is not None else at
        yield (at, number), Entry(rule.match, rule.place, rule, _line(line).match if line else None)


def _is_of(rule: HbaRule, files: Collection[str]) -> bool:
    """Whether it stands in one of these; the server shows an absolute path as it is written."""
    return posixpath.normpath(rule.file) in files


def _line(line: Reference) -> Entry:
    return Entry(Match(line.directive, (), (), line.target), f"{line.file}:{line.line}", None, None)
