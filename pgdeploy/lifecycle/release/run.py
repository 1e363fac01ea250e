"""A release: backup, maintenance, migrations and state, the smoke run; and back where that fails.

    read and plan -> backup -> maintenance -> SQL state -> migrations -> SQL state -> seeds -> smoke -> maintenance off

The SQL state comes first, as a revision may need a role or an extension of it, and again, as grants reach what the
revisions have made. Every stage is in the journal before it begins. What ended without an end, the next call settles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pgdeploy.core.step import Risk
from pgdeploy.errors import ApplyError, PgdeployError, PlanError
from pgdeploy.gate.target import with_spec
from pgdeploy.layers import layer_of
from pgdeploy.layers.migration.process import kept_processes
from pgdeploy.lifecycle.release import evidence, health, maintenance
from pgdeploy.lifecycle.release.journal import who
from pgdeploy.lifecycle.release.lock import ReleaseLock, alone
from pgdeploy.lifecycle.release.plan import MIGRATION, ReleasePlan, layers_of, plan_release, planned
from pgdeploy.lifecycle.release.precondition import Obstacle
from pgdeploy.lifecycle.release.saved import save
from pgdeploy.lifecycle.release.settle import settle, take_back_release
from pgdeploy.lifecycle.release.undo import sections_of, versions_of
from pgdeploy.lifecycle.release.written import as_data, tables_of
from pgdeploy.local.deadline import TooLate, deadline
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.text.counted import counted
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from pgdeploy.core.layer import Layer
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.server.change import Change
    from pgdeploy.lifecycle.release.journal import Journal, Journals
    from pgdeploy.lifecycle.smoke import Health
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.release import ReleaseSpec

Note = Callable[[str], None]


_SHORTEST = 1.0
"""Seconds of a lock that nobody minds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command; None: as the spec says."""

    to: str | None = None
    backup: bool | None = None
    maintenance: bool | None = None
    max_downtime: float | None = None
    smoke: bool = True
    force: frozenset[str] = frozenset()
    rehearsal: str | None = None
    dry_run: bool = False

    def backup_of(self, section: ReleaseSpec, *, declared: bool) -> str:
        """`make`, `recent` or `none`."""
        if self.backup is None:
            return section.backup or ("make" if declared else "none")
        return "make" if self.backup else "none"

    def users_out(self, section: ReleaseSpec) -> bool:
        """Whether users are kept out meanwhile."""
        return section.maintenance is not None and self.maintenance is not False


@dataclass(slots=True)
class Result:
    """How it ended: `done`, `rolled back`, `restored`, `failed`, `nothing to do`, `not begun`."""

    id: str
    ended: str
    why: str = ""
    health: Health | None = None
    seconds: float = 0.0
    downtime: float | None = None
    """Seconds of maintenance; None without."""
    lines: list[str] = field(default_factory=list)
    """What a person should know beside that."""

    @property
    def good(self) -> bool:
        return self.ended in ("done", "nothing to do")


def release(
    gate: Gate,
    section: ReleaseSpec,
    journals: Journals,
    wanted: Wanted,
    note: Note,
    approve: Callable[[ReleasePlan], bool],
) -> Result:
    """Settle what an earlier release left, plan, have it approved, and make it.

    Raises:
        TargetError: another release runs; nothing could be planned; or it failed and could not be taken back, which
            the message says.
    """
    with journals.alone(), alone(gate.server) as lock, kept_processes():
        if not wanted.dry_run:
            settle(gate, journals, lock, note)
        elif (left := journals.unfinished()) is not None:
            note(f"release {left.id} has no end: it is finished or taken back before the next one")
        stopped = journals.in_maintenance()
        inherited = {role: limit for one in reversed(stopped) for role, limit in one.limits.items()}
        declared = layer_of("backup").of(gate.target.spec)
        backup = wanted.backup_of(section, declared=declared is not None)
        asked = health.another(gate)
        plan = plan_release(
            asked, backup, wanted.to, users_out=wanted.users_out(section), inherited=inherited
        )
        within, longest = wanted.rehearsal or section.rehearsal, None
        if within is not None and not plan.is_empty:
            longest, why = _rehearsed(gate, journals, seconds_of(within))
            plan = replace(plan, obstacles=(*plan.obstacles, *(Obstacle("rehearsal", one) for one in why)))
        if not approve(plan):
            return Result("", "not begun")
        run = _Run(gate, section, wanted, backup, plan, lock, note, inherited, longest)
        result = run.nothing_to_do(asked) if plan.is_empty else run.all(journals)
        for one in stopped if result.good else ():
            maintenance.lift(gate.target.spec, gate.server, one)
        return result


def _rehearsed(gate: Gate, journals: Journals, within: float) -> tuple[float | None, list[str]]:
    """The longest lock of the rehearsal, in seconds, and why it does not count."""
    declared = layer_of("backup").of(gate.target.spec)
    with closing(gate.server.open()) as connection:
        major = connection.info.server_version // 10_000
    needed = evidence.Needed(
        target=gate.target.name,
        spec=gate.declared.digest(),
        scripts=evidence.digest_of(sections_of(gate)),
        versions=versions_of(gate),
        major=major,
        within=within,
    )
    try:
        record = evidence.newest(journals, declared.trusted if declared is not None else ())
    except PgdeployError as error:
        return None, [f"rehearsal: {error.lines[0]}"]
    why = [f"rehearsal of {record.backup}: {one}" for one in evidence.faults(record, needed)]
    return (None if why else record.lock), why


@dataclass(slots=True)
class _Run:
    gate: Gate
    section: ReleaseSpec
    wanted: Wanted
    backup: str
    plan: ReleasePlan
    lock: ReleaseLock
    note: Note
    inherited: Mapping[str, int]
    """Connection limits that an earlier release stopped with."""
    longest: float | None
    """Seconds for which the rehearsal kept others off a table."""
    began: float = field(default_factory=time.monotonic)
    down_since: float | None = None
    downtime: float | None = None

    def nothing_to_do(self, asked: Gate) -> Result:
        """The smoke run alone, of what was read for the plan."""
        found = health.of_read(asked, self._left_out()) if self.wanted.smoke else None
        good = found is None or found.healthy
        ended = "nothing to do" if good else "not healthy"
        return Result("", ended, "" if found is None else found.why, found, time.monotonic() - self.began)

    def all(self, journals: Journals) -> Result:
        journal = journals.begin(
            target=self.gate.target.name,
            digest=self.gate.declared.digest(),
            versions=versions_of(self.gate),
            on_failure=self.section.on_failure,
            causes=sorted(self.plan.causes),
            left_out=sorted(self._left_out()),
            state=len(self.plan.state.changes),
            forced=sorted(self.wanted.force),
            by=who(),
        )
        self.note(f"release {journal.id}")
        try:
            with deadline(seconds_of(self.section.timeout)):
                found = self._made(journal)
        except (PgdeployError, TooLate) as error:
            return self._failed(journal, self._why(error))
        except BaseException as error:
            self._failed(journal, f"interrupted ({type(error).__name__})")
            raise
        journal.report("end", result="done")
        lines = [journal.unwritten] if journal.unwritten else []
        return Result(journal.id, "done", "", found, time.monotonic() - self.began, self.downtime, lines)

    def _why(self, error: BaseException) -> str:
        if not isinstance(error, TooLate):
            return str(error)
        if self.down_since is not None and time.monotonic() - self.down_since >= self._max_downtime:
            return f"maintenance took longer than max_downtime, {shown(self._max_downtime, 's')}"
        return f"it took longer than its timeout, {self.section.timeout}"

    def _made(self, journal: Journal) -> Health | None:
        self._back_up(journal)
        with self._maintained(journal) as meanwhile:
            tables = tables_of(self.gate.server, self.gate.target.spec.databases)
            journal.announce("tables", tables=as_data(tables))
            journal.announce("change")
            self._change(meanwhile)
            journal.report("changed")
            found = self._ask(meanwhile, users_out=meanwhile is not self.gate)
        if meanwhile is not self.gate:
            self._state(health.another(self.gate))
            found = self._ask(self.gate, users_out=False)
        return found

    def _back_up(self, journal: Journal) -> None:
        if self.backup != "make":
            return
        self.lock.at("backup")
        saved = save(self.gate, layer_of("backup").of(self.gate.target.spec), self.note)
        if saved is None:
            self.note("no backup: there is nothing yet")
            return
        journal.announce("backup", label=saved.label, point=saved.point)
        self.note(f"backup {saved.label}")

    @property
    def _users_may_wait(self) -> bool:
        return "downtime" in self.wanted.force or self.wanted.users_out(self.section)

    @contextmanager
    def _maintained(self, journal: Journal) -> Iterator[Gate]:
        """The gate of the target as it is meanwhile; users are back at the end, and stay out where this fails."""
        section = self.section.maintenance
        if section is None or not self.wanted.users_out(self.section):
            yield self.gate
            return
        self.lock.at("maintenance begins")
        self.note("maintenance begins")
        self.down_since = time.monotonic()  # where it fails on the way
        self.down_since = maintenance.begin(section, self.gate.server, journal, self.inherited)
        meanwhile = self.gate
        if journal.limits:
            target = maintenance.in_maintenance(self.gate.target, list(journal.limits))
            meanwhile = health.another(self.gate, target)
        with deadline(self._max_downtime):
            yield meanwhile
        back = maintenance.lift(self.gate.target.spec, self.gate.server, journal)
        self.downtime = back - self.down_since
        self.down_since = None
        self.note(f"maintenance is over, after {shown(self.downtime, 's')}")

    @property
    def _max_downtime(self) -> float:
        return self.wanted.max_downtime or seconds_of(self.section.max_downtime)

    def _change(self, gate: Gate) -> None:
        self._state(gate, within=self.plan.state.changes)
        for layer in layers_of(gate):
            self._layer(gate, layer)

    def _state(self, gate: Gate, within: Sequence[Change] | None = None) -> None:
        """`within` is what was approved; what comes after the revisions follows from them."""
        self.lock.at("SQL state")
        plan = gate.plan()
        if "destructive" not in self.wanted.force:
            plan = plan.only(lambda change: change.risk is Risk.SAFE)
        if within is not None:
            causes = {cause for change in within for cause in change.causes}
            _require_approved([cause for change in plan.changes for cause in change.causes], causes)
        if plan.changes:
            self.note(f"SQL state: {counted(len(plan.changes), 'change')}")
            gate.apply(plan)

    def _layer(self, gate: Gate, layer: Layer) -> None:
        self.lock.at(layer.name)
        steps = planned(gate, layer, self.wanted.to)
        if steps.unreadable:
            raise ApplyError(f"{steps.unreadable[0].check.id}: {steps.unreadable[0].reason}")
        if not steps.steps:
            return
        if layer is MIGRATION and layer.name not in self.plan.waits:  # others follow from what revisions make
            approved = {step.text for step in self.plan.steps[layer.name].steps}
            _require_approved([step.text for step in steps.steps], approved)
        self.note(f"{layer.title}: {counted(len(steps.steps), 'step')}")
        allowed = steps.only(lambda step: step.risk is Risk.SAFE or "destructive" in self.wanted.force)
        layer.apply(allowed, self._limited(gate), downtime=self._users_may_wait)
        self._state(gate)

    def _limited(self, gate: Gate) -> Gate:
        """No lock lasts much longer than it did in the rehearsal."""
        sections = MIGRATION.of(gate.target.spec)
        if self.longest is None or self._users_may_wait or not sections:
            return gate
        limit = max(self.longest * self.section.lock_factor, _SHORTEST)
        migrations = {
            name: one.model_copy(update={"max_lock": f"{min(limit, _limit_of(one)):.3f}s"})
            for name, one in sections.items()
        }
        self.note(f"as rehearsed: no lock may last longer than {shown(limit, 's')}")
        spec = gate.target.spec.model_copy(update={MIGRATION.word: FrozenMap(migrations)})
        return health.another(gate, with_spec(gate.target, spec))

    def _ask(self, gate: Gate, *, users_out: bool) -> Health | None:
        if not self.wanted.smoke:
            return None
        self.lock.at("smoke")
        self.note("smoke run")
        left_out = self._left_out()
        found = (
            health.without_logins(self.gate, gate.target, left_out)
            if users_out
            else health.whole(self.gate, left_out)
        )
        if not found.healthy:
            raise ApplyError(f"not healthy: {found.why}", *found.red)
        return found

    def _left_out(self) -> frozenset[str]:
        """Up to one revision is not up to the newest."""
        return frozenset() if self.wanted.to is None else health.of_revisions(self.gate.target)

    def _failed(self, journal: Journal, why: str) -> Result:
        self.note(f"it failed: {why.splitlines()[0]}")
        journal.report("failed", why=why)
        result = take_back_release(self.gate, journal, self.lock, self.note)
        took = time.monotonic() - self.began
        down = self.downtime if self.down_since is None else time.monotonic() - self.down_since
        return Result(journal.id, result.ended, why, result.health, took, down, result.lines)


def _require_approved(now: Iterable[str], approved: Collection[str]) -> None:
    """Raises PlanError: what is planned now was not in the plan that was approved."""
    if new := [one for one in now if one not in approved]:
        raise PlanError(f"something has changed since the plan was approved: {new[0]}", "release again")


def _limit_of(section: MigrationSpec) -> float:
    return float("inf") if section.max_lock is None else seconds_of(section.max_lock)
