"""A rollback that a person asks for: of some revisions, of a whole release, or of everything to a proved backup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from pgdeploy.core.step import Risk
from pgdeploy.errors import TargetError
from pgdeploy.layers import layer_of
from pgdeploy.layers.migration.plan import taken_back
from pgdeploy.layers.migration.process import kept_processes
from pgdeploy.lifecycle.release import health, maintenance
from pgdeploy.lifecycle.release.journal import who
from pgdeploy.lifecycle.release.lock import HeldByAnother, ReleaseLock, alone
from pgdeploy.lifecycle.release.saved import Saved, bring_back, proved
from pgdeploy.lifecycle.release.settle import settle
from pgdeploy.lifecycle.release.undo import WayBack, sections_of, take_back, ways_back
from pgdeploy.lifecycle.release.written import Tables, gone, of_data, other_rows, since, tables_of
from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate
    from pgdeploy.lifecycle.release.journal import Journal, Journals
    from pgdeploy.lifecycle.smoke import Health

Note = Callable[[str], None]
Approve = Callable[[Sequence[str]], bool]
"""Shown what will be undone, how, and what is lost with it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be taken back. One of the first four is given."""

    steps: int | None = None
    revision: str | None = None
    release: str | None = None
    emergency: str | None = None
    """The reason."""
    entry: str | None = None
    restore: bool = False
    """The release's backup is restored, and no revision is taken back."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What there is now. `lines` are what a person should know, `lost` what is not there of the data."""

    health: Health
    lines: tuple[str, ...]
    lost: tuple[str, ...]


def rollback(gate: Gate, journals: Journals, asked: Asked, note: Note, approve: Approve) -> RolledBack | None:
    """None where nobody approves it, or there was nothing to take back.

    Raises:
        TargetError: it cannot be done; what was done of it the message says.
    """
    if asked.emergency is not None:
        with journals.alone():
            return _emergency(gate, journals, asked.emergency, note, approve)
    with journals.alone(), alone(gate.server) as lock, kept_processes():
        if asked.release is not None:
            return _of_release(gate, journals, lock, asked, note, approve)
        settle(gate, journals, lock, note)
        return _of_revisions(gate, lock, asked, note, approve)


def _of_revisions(
    gate: Gate, lock: ReleaseLock, asked: Asked, note: Note, approve: Approve
) -> RolledBack | None:
    name = _entry(gate, asked.entry)
    to = asked.revision or f"-{asked.steps}"
    gone, loses = taken_back(sections_of(gate)[name], name, gate.server, to)
    way = WayBack(name, to, tuple(one.revision for one in gone), tuple(loses))
    if not gone or not approve(list(way.lines)):
        return None
    before = tables_of(gate.server, gate.target.spec.databases)
    lock.at("rollback")
    take_back(gate, [way], note)
    return _after(gate, [], note, lambda now: other_rows(before, now, strict=False))


def _entry(gate: Gate, name: str | None) -> str:
    known = sections_of(gate)
    if name is not None and name not in known:
        raise TargetError(
            f"--entry {name}: write one of {', '.join(known) or 'none: there are no migrations'}"
        )
    if name is None and len(known) != 1:
        raise TargetError(f"there are {len(known)} entries of `migrations:`; name one: --entry NAME")
    return name if name is not None else next(iter(known))


def _of_release(
    gate: Gate, journals: Journals, lock: ReleaseLock, asked: Asked, note: Note, approve: Approve
) -> RolledBack | None:
    journal = journals.chosen(asked.release)
    _require_newest(journals, journal)
    now = tables_of(gate.server, gate.target.spec.databases)
    known = journal.last("tables")
    before = of_data(known["tables"]) if known is not None else {}
    if asked.restore:
        return _restored(gate, journal, lock, (before, now), note, approve)
    ways = ways_back(gate, journal.before)
    lines = [line for way in ways for line in way.lines]
    lines += [f"written since: {line}" for line in _since(gate, before, now)]
    if any(way.stops for way in ways):
        raise TargetError(
            f"release {journal.id} cannot be taken back by its revisions", *lines,
            "its backup can be restored: --restore" if journal.has("backup") else "it made no backup",
        )  # fmt: skip
    lines += journal.stays
    if not approve(lines or ["no revision is to be taken back"]):
        return None
    lock.at("rollback")
    take_back(gate, ways, note)
    maintenance.lift(gate.target.spec, gate.server, journal)
    done = _after(gate, [], note, lambda now: chain(gone(before, now), other_rows(before, now, strict=False)))
    journal.report("end", result="rolled back")
    return done


def _require_newest(journals: Journals, journal: Journal) -> None:
    """What a later release made stands on this one; and one that was taken back is over."""
    if journal.result in ("rolled back", "restored", "failed"):
        raise TargetError(f"release {journal.id} is {journal.result} already")
    for one in journals.all():
        if one.id == journal.id:
            return
        if one.changed and one.result in ("done", "stopped", ""):
            raise TargetError(f"release {one.id} came after {journal.id}: take that back first")


def _restored(
    gate: Gate,
    journal: Journal,
    lock: ReleaseLock,
    tables: tuple[Tables, Tables],
    note: Note,
    approve: Approve,
) -> RolledBack | None:
    made = journal.last("backup")
    if made is None:
        raise TargetError(f"release {journal.id} made no backup")
    before, now = tables
    lines = [f"the backup {made['label']} of the release is restored"]
    lines += [f"lost: {line}" for line in _since(gate, before, now)]
    if not approve(lines):
        return None
    lock.at("restoring")
    kept = bring_back(gate, _backup_section(gate), Saved(made["label"], made["point"]), note)
    maintenance.lift(gate.target.spec, gate.server, journal)
    done = _after(
        gate, kept, note, lambda now: chain(gone(before, now), other_rows(before, now, strict=True))
    )
    journal.report("end", result="restored")
    return done


def _since(gate: Gate, before: Tables, now: Tables) -> Iterator[str]:
    """Version tables are written by the release itself."""
    ours = tuple(f".{one.version_table}:" for one in sections_of(gate).values())
    return (line for line in since(before, now) if not any(name in line for name in ours))


def _emergency(
    gate: Gate, journals: Journals, reason: str, note: Note, approve: Approve
) -> RolledBack | None:
    """Whatever state a release is in: the backup is from before. A server that does not answer needs it most."""
    lock = ReleaseLock(gate.server)
    try:
        lock.at("emergency")
    except HeldByAnother:
        raise
    except TargetError as error:
        note(f"the server does not answer: {error.lines[0]}")
    try:
        return _proved_restored(gate, journals, reason, note, approve)
    finally:
        lock.let_go()


def _proved_restored(
    gate: Gate, journals: Journals, reason: str, note: Note, approve: Approve
) -> RolledBack | None:
    section = _backup_section(gate)
    saved = proved(gate, section)
    if not approve([_of_emergency(section.engine, saved)]):
        return None
    left = journals.unfinished()
    journal = left or journals.begin(
        target=gate.target.name, digest=gate.declared.digest(), versions={}, on_failure="stop", causes=[],
        left_out=[], forced=[], by=who(),
    )  # fmt: skip
    journal.announce("emergency", reason=reason, label=saved.label)
    kept = bring_back(gate, section, saved, note)
    for one in journals.in_maintenance():
        maintenance.lift(gate.target.spec, gate.server, one)
    done = _after(gate, kept, note, lambda now: iter(()))
    journal.report("end", result="restored")
    return done


def _of_emergency(engine: str, saved: Saved) -> str:
    what = f"the newest proved backup, {saved.label}, is restored"
    if engine == "pg_dump":
        return f"{what}; what was written since is kept aside"
    return f"{what}, with all WAL up to now; data that is wrong needs `pgdeploy restore` with a --time from before"


def _backup_section(gate: Gate) -> Any:
    section = layer_of("backup").of(gate.target.spec)
    if section is None:
        raise TargetError(f"{gate.target.name} declares no backup: write `backup:` into {gate.target.file}")
    return section


def _after(
    gate: Gate, kept: Sequence[str], note: Note, lost: Callable[[Tables], Iterator[str]]
) -> RolledBack:
    """The SQL state once more, as grants went with tables; then data and smoke run."""
    state = gate.plan().only(lambda change: change.risk is Risk.SAFE)
    if state.changes:
        note(f"SQL state: {counted(len(state.changes), 'change')}")
        gate.apply(state)
    now = tables_of(gate.server, gate.target.spec.databases)
    note("smoke run")
    # what was taken back is pending again, and that is no fault
    found = health.whole(gate, health.of_revisions(gate.target))
    return RolledBack(found, tuple(kept), tuple(f"data lost: {line}" for line in lost(now)))
