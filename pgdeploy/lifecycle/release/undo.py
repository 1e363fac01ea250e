"""The way back of a release: its revisions by their own way down, or the backup that it made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.errors import PgdeployError, TargetError
from pgdeploy.layers import layer_of
from pgdeploy.layers.migration.apply import downgrade
from pgdeploy.layers.migration.plan import taken_back
from pgdeploy.layers.migration.process import kept_processes
from pgdeploy.layers.migration.reading import read_all
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.migration.reading import MigrationFact
    from pgdeploy.layers.migration.scripts import Scripts
    from pgdeploy.model.migration import MigrationSpec

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WayBack:
    """Of one entry of `migrations:`: what is taken back and what that loses; `stops` says why it cannot be."""

    entry: str
    to: str
    """The revision that stays, or base."""
    revisions: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    stops: str = ""

    @property
    def lines(self) -> Iterator[str]:
        """For people."""
        name = quoted_name(self.entry)
        if self.stops:
            yield f"{name}: no way back: {self.stops}"
            return
        for revision in self.revisions:
            yield f"{name}: {revision}: by its own way down"
        yield from (f"{name}: loses {one}" for one in self.loses)


def sections_of(gate: Gate) -> Mapping[str, MigrationSpec]:
    """What we run ourselves of `migrations:`."""
    known = layer_of("migration").of(gate.target.spec) or {}
    return {name: one for name, one in known.items() if one.kind != "sqitch"}


def versions_of(gate: Gate) -> dict[str, list[str]]:
    """By entry of `migrations:`, what the version table has; nothing where its database is not there yet."""
    with kept_processes():
        return {name: _versions(fact) for name, fact in read_all(sections_of(gate), gate.server).items()}


def _versions(fact: MigrationFact) -> list[str]:
    try:
        return list(fact.known_database.versions or ())
    except PgdeployError:
        return []


def ways_back(gate: Gate, before: Mapping[str, Collection[str]]) -> list[WayBack]:
    """What would bring each entry back to these versions. Raises TargetError: scripts or databases cannot be read."""
    found = []
    with kept_processes():
        sections = sections_of(gate)
        facts = read_all(sections, gate.server)
        for name, versions in before.items():
            if name not in sections:
                found.append(WayBack(name, "", stops="the spec does not name it any more"))
                continue
            there = facts[name].known_database.versions or ()
            if sorted(there) != sorted(versions):
                found.append(
                    _way_back(gate, name, sections[name], facts[name].known_scripts, there, versions)
                )
    return found


def _way_back(
    gate: Gate,
    name: str,
    section: MigrationSpec,
    scripts: Scripts,
    there: Sequence[str],
    versions: Collection[str],
) -> WayBack:
    newest = scripts.newest(versions)
    if len(newest) > 1:
        return WayBack(name, "", stops=f"it had several heads: {', '.join(newest)}")
    to = newest[0] if newest else "base"
    try:
        gone, loses = taken_back(section, name, gate.server, to)
    except PgdeployError as error:
        return WayBack(name, to, stops=error.lines[0])
    revisions = tuple(one.revision for one in gone)
    desired = _run(scripts, there) - _run(scripts, versions)
    if set(revisions) != desired:
        more = ", ".join(sorted(set(revisions) ^ desired))
        return WayBack(name, to, stops=f"older revisions stand between: {more}")
    if lacking := [one.revision for one in gone if one.is_sql and one.digest and not one.has_down]:
        return WayBack(name, to, stops=f"{', '.join(lacking)} has no way down")
    return WayBack(name, to, revisions, tuple(loses))


def _run(scripts: Scripts, versions: Collection[str]) -> set[str]:
    pending = {one.revision for one in scripts.pending(versions)}
    return {one.revision for one in scripts.revisions} - pending


def take_back(gate: Gate, ways: Sequence[WayBack], note: Note) -> None:
    """Go these ways; the entry that was last made is the first.

    Raises:
        TargetError: there is none, and nothing was begun; or a revision could not be taken back.
    """
    if stopped := [line for way in ways if way.stops for line in way.lines]:
        raise TargetError("the revisions cannot be taken back", *stopped)
    sections = sections_of(gate)
    with kept_processes():
        for way in reversed(ways):
            note(f"{quoted_name(way.entry)}: taking back {counted(len(way.revisions), 'revision')}")
            downgrade(gate.target.spec, way.entry, sections[way.entry], way.to, gate.server, note)
