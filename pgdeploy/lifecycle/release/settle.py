"""Taking a release back, and what becomes of one that has no end: its controller was killed or cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgdeploy.errors import PgdeployError, TargetError
from pgdeploy.layers import layer_of
from pgdeploy.lifecycle.release import health, maintenance
from pgdeploy.lifecycle.release.saved import Saved, bring_back
from pgdeploy.lifecycle.release.undo import take_back, ways_back
from pgdeploy.lifecycle.release.written import gone, of_data, other_rows, tables_of
from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate
    from pgdeploy.lifecycle.release.journal import Journal, Journals
    from pgdeploy.lifecycle.release.lock import ReleaseLock
    from pgdeploy.lifecycle.smoke import Health

Note = Callable[[str], None]


@dataclass(slots=True)
class Taken:
    """What became of it: `rolled back`, `restored`, `stopped` or `failed`, and what a person should know."""

    ended: str
    lines: list[str] = field(default_factory=list)
    health: Health | None = None


def settle(gate: Gate, journals: Journals, lock: ReleaseLock, note: Note) -> None:
    """Finish or take back the release that has no end.

    Raises:
        TargetError: neither can be done.
    """
    left = journals.unfinished()
    if left is None:
        return
    note(f"release {left.id} of {left.entries[0]['by']} has no end: it was killed or cut off")
    if left.has("changed") and _is_finished(gate, left):
        left.report("end", result="done")
        note(f"release {left.id}: all of it is there, and healthy: it is done")
        return
    taken = take_back_release(gate, left, lock, note)
    note(f"release {left.id}: {taken.ended}")
    for line in taken.lines:
        note(f"  {line}")


def _is_finished(gate: Gate, left: Journal) -> bool:
    """Whether all is well. As who may not log in nobody can ask; users who only wait go on waiting till it is known."""
    spec = gate.target.spec
    if not left.paused:
        maintenance.lift(spec, gate.server, left)
    healthy = health.whole(gate, left.entries[0]["left_out"]).healthy
    if healthy:
        maintenance.lift(spec, gate.server, left)
    return healthy


def take_back_release(gate: Gate, journal: Journal, lock: ReleaseLock, note: Note) -> Taken:
    """As its `on_failure:` says. Users are back when this returns, but after `stop`.

    Raises:
        TargetError: it cannot be taken back; users stay out, and the message says what a person can do.
    """
    how, spec = str(journal.entries[0]["on_failure"]), gate.target.spec
    if how == "stop" and journal.changed:
        journal.report("end", result="stopped")
        return Taken("stopped", [_stopped(gate, journal)])
    taken = Taken("failed")
    if journal.changed:
        try:
            lock.at("taking it back")
            taken = _restored(gate, journal, note) if how == "restore" else _rolled_back(gate, journal, note)
        except PgdeployError as error:
            journal.report("not taken back", why=str(error))
            raise TargetError(
                f"release {journal.id} failed, and could not be taken back: {error.lines[0]}",
                *error.lines[1:],
                _stopped(gate, journal),
            ) from error
        taken.lines += _lost(gate, journal)
    maintenance.lift(spec, gate.server, journal)
    if journal.changed:
        pending = health.of_revisions(gate.target)
        taken.health = health.whole(gate, pending.union(journal.entries[0]["causes"]))
        taken.lines += [f"not healthy: {taken.health.why}", *taken.health.red] if taken.health.why else []
    journal.report("end", result=taken.ended)
    taken.lines += [journal.unwritten] if journal.unwritten else []
    return taken


def _rolled_back(gate: Gate, journal: Journal, note: Note) -> Taken:
    take_back(gate, ways_back(gate, journal.before), note)
    return Taken("rolled back", list(journal.stays))


def _restored(gate: Gate, journal: Journal, note: Note) -> Taken:
    made = journal.last("backup")
    if made is None:
        raise TargetError("on_failure is restore, and this release made no backup")
    section = layer_of("backup").of(gate.target.spec)
    if section is None:
        raise TargetError("on_failure is restore, and the spec declares no backup any more")
    return Taken("restored", bring_back(gate, section, Saved(made["label"], made["point"]), note))


def _lost(gate: Gate, journal: Journal) -> Sequence[str]:
    known = journal.last("tables")
    if known is None:
        return []
    before = of_data(known["tables"])
    now = tables_of(gate.server, before)
    lost = [*gone(before, now), *other_rows(before, now, strict=journal.in_maintenance)]
    rows = sum(table.rows or 0 for tables in before.values() for table in tables.values())
    tables = sum(map(len, before.values()))
    whole = f"data: {counted(tables, 'table')} and {counted(rows, 'row')} are there as before"
    return [f"data lost: {line}" for line in lost] or [whole]


def _stopped(gate: Gate, journal: Journal) -> str:
    name, out = gate.target.name, "users are kept out; " if journal.in_maintenance else ""
    return (
        f"{out}mend it and run `pgdeploy release {name}` again, or take it back: `pgdeploy rollback {name} --release "
        f"{journal.id}`, with --restore from its backup"
    )
