"""What is wrong with `backup:` of pgBackRest and only the whole spec shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.backup.pgbackrest.timer import KINDS
from pgdeploy.layers.backup.problem import invariants
from pgdeploy.model.backup import WORDS
from pgdeploy.spec.problem import Problem
from pgdeploy.text.calendar import on_calendar
from pgdeploy.text.problem import ValueProblem

if TYPE_CHECKING:
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec

_OURS = ("archive_mode", "archive_command", "archive_library")


def problems(spec: Spec, section: PgbackrestSpec) -> Iterator[Problem]:
    """No host, settings that are this section's, repositories and times that cannot be."""
    if spec.host is None:
        words = "pgbackrest runs on the server's host: write `host:`, or take engine pg_dump"
        yield Problem(("backup", "engine"), words)
    for name in spec.settings:
        if name.lower() in _OURS:
            yield Problem(
                ("settings", name), f"`backup:` makes {name.lower()} what it must be; remove this line"
            )
    if str(spec.settings.get("wal_level", "replica")) == "minimal":
        yield Problem(("settings", "wal_level"), "backups need WAL for a restore: replica or logical")
    yield from _repositories(section)
    yield from _times(section)
    yield from invariants(section.invariants, spec.databases)


def _repositories(section: PgbackrestSpec) -> Iterator[Problem]:
    seen = set[tuple[str, ...]]()
    for number, place in enumerate(section.repositories):
        keys = ("backup", "repositories", number)
        if (place.retention.count is None) == (place.retention.days is None):
            yield Problem(
                (*keys, "retention"), "pgBackRest counts either full backups or days: write one of them"
            )
        store = (place.s3.endpoint, place.s3.bucket) if place.s3 is not None else ()
        where = (*store, place.folder)
        if where in seen:
            yield Problem(keys, f"another repository is there already, in {place.folder}")
        seen.add(where)


def _times(section: PgbackrestSpec) -> Iterator[Problem]:
    of_kinds = section.schedule.of_kinds if section.schedule is not None else {}
    for kind, times in of_kinds.items():
        try:
            on_calendar(WORDS.get(times, times))
        except ValueProblem as error:
            yield Problem(("backup", "schedule", KINDS[kind]), str(error))
