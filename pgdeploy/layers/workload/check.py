"""Each promise of a workload as a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, held_up, within
from pgdeploy.errors import Unreadable
from pgdeploy.layers.workload.explain import Explained
from pgdeploy.layers.workload.run import Failed, Run, execute, session
from pgdeploy.layers.workload.timing import percentile, rounds
from pgdeploy.model.host.amount import bytes_of, seconds_of

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import StatementSpec, WorkloadsSpec

_PARTS = {"median": 0.5, "p95": 0.95, "p99": 0.99}


def workloads(spec: Spec, section: WorkloadsSpec | None) -> Iterator[Resource]:
    """A resource for what repeats of each statement, and one for its times."""
    for name, one in section.statements.items() if section is not None else ():
        workload = Workload(spec, name, one)
        yield workload
        yield Timing(workload)


@dataclass(frozen=True, slots=True)
class Workload(Resource):
    """One statement: that it runs, and what repeats of it."""

    kind: ClassVar[str] = "workload"
    layer: ClassVar[str] = "workload"
    spec: Spec
    name: str
    one: StatementSpec

    def checks(self) -> Iterator[Check]:
        yield self.runs
        limited: tuple[tuple[str, Callable[..., Outcome]], ...] = (
            ("rows", self._rows),
            ("buffers", self._buffers),
            ("temp", self._temp),
            ("plan", self._plan),
            ("plan_without", self._plan_without),
        )
        for field, compare in limited:
            if getattr(self.one, field) not in (None, ()):
                yield self._check(field, compare)

    @property
    def runs(self) -> Check:
        """That it runs at all."""
        return self._check("runs", self._ran)

    def _check(self, field: str, compare: Callable[..., Outcome], *tools: str) -> Check:
        keys = ("workloads", "statements", self.name)
        keys = keys if field in ("runs", "time") else (*keys, field)  # type: ignore[assignment]
        return Check(self, f"workload[{self.name}]", field, keys, compare, subject=self.name, tools=tools)

    def unasked(self, facts: Facts) -> str | None:
        return facts.down or facts.lost or None

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return None if check.field == "runs" else self.held_up(facts)

    def held_up(self, facts: Facts) -> str | None:
        """Why nothing else of it can be asked: one check says it in full."""
        try:
            return held_up(self.runs, facts)
        except Unreadable:
            return f"{self.runs.id} could not be asked"

    def _run(self, facts: Facts) -> Run:
        run: Run = facts.section(self.layer)[self.name]
        if isinstance(run, Unreadable):
            raise run
        return run

    def explained(self, facts: Facts) -> Explained:
        """What repeats of its run."""
        run = self._run(facts)
        if isinstance(run, Failed):
            raise Unreadable(run)
        return run  # type: ignore[return-value]

    def _ran(self, facts: Facts) -> Outcome:
        run = self._run(facts)
        failed = isinstance(run, Failed)
        role, database = self.one.role, self.one.database
        stuck = f"run it as {role} in {database}, and correct the statement, the rights or the data"
        return Outcome(not failed, "runs", f"fails: {run}" if failed else "runs", stuck=stuck)

    def _rows(self, facts: Facts) -> Outcome:
        found, desired = self.explained(facts), self.one.rows or 0
        measured = Measured(found.rows, "", at_least=desired, at_most=desired)
        return within(measured, str(desired), str(found.rows), stuck="the data, or the promise, has changed")

    def _buffers(self, facts: Facts) -> Outcome:
        found, most = self.explained(facts), self.one.buffers or 0
        measured = Measured(found.buffers, "", at_most=most)
        return within(
            measured, f"at most {most} blocks", str(found.buffers), origin=_shown(found), stuck=_LOOK
        )

    def _temp(self, facts: Facts) -> Outcome:
        found, most = self.explained(facts), self.one.temp or "0B"
        measured = Measured(found.temp, "B", at_most=bytes_of(most))
        return within(measured, f"at most {most}", f"{found.temp}B", origin=_shown(found), stuck=_LOOK)

    def _plan(self, facts: Facts) -> Outcome:
        found = self.explained(facts)
        missing = [node for node in self.one.plan if not _has(found, node)]
        return _nodes(found, self.one.plan, "without " + ", ".join(missing) if missing else "", "with")

    def _plan_without(self, facts: Facts) -> Outcome:
        found = self.explained(facts)
        there = [node for node in self.one.plan_without if _has(found, node)]
        return _nodes(found, self.one.plan_without, "with " + ", ".join(there) if there else "", "without")


_LOOK = (
    "look at the plan, for an index that is gone or statistics that are old (ANALYZE), or change the limit"
)


@dataclass(frozen=True, slots=True)
class Timing(Resource):
    """How long the statement takes."""

    kind: ClassVar[str] = "timing"
    layer: ClassVar[str] = "workload"
    workload: Workload

    def checks(self) -> Iterator[Check]:
        name = self.workload.name
        keys = ("workloads", "statements", name)
        address = f"workload[{name}]"
        yield Check(self, address, "time", keys, self._timed, subject=name, tools=("benchmark",))

    def unasked(self, facts: Facts) -> str | None:
        return self.workload.unasked(facts)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return self.workload.held_up(facts)

    def _timed(self, facts: Facts, benchmark: Any = None) -> Outcome:
        import psycopg

        one, server = self.workload.one, facts.server
        if server is None:
            raise Unreadable("saved facts have no server to run it on")
        with session(self.workload.spec, one, server) as cursor:

            def run() -> None:
                execute(cursor, one)
                if cursor.description is not None:
                    cursor.fetchall()

            try:
                taken = rounds(run, one.rounds, one.warmup, benchmark)
            except psycopg.Error as error:
                text = error.diag.message_primary or "the connection was lost"
                return Outcome(False, f"runs {one.rounds} times", f"fails: {text}", stuck=_LOOK)
        found = self.workload.explained(facts)
        if benchmark is not None:
            benchmark.extra_info |= (
                found._asdict()
            )  # what repeats stands beside the times in pytest-benchmark's files
        return self._compared(taken, found)

    def _compared(self, taken: list[float], found: Explained) -> Outcome:
        limits = {word: limit for word in _PARTS if (limit := getattr(self.workload.one, word)) is not None}
        actual = {word: percentile(taken, part) for word, part in _PARTS.items()}
        over = [word for word, limit in limits.items() if actual[word] > seconds_of(limit)]
        worst = next(iter(over), next(iter(limits), "median"))
        at_most = seconds_of(limits[worst]) if worst in limits else None
        desired = ", ".join(f"{word} at most {limit}" for word, limit in limits.items()) or "no limit"
        said = ", ".join(f"{word} {_milliseconds(actual[word])}" for word in limits or ("median",))
        measured = Measured(actual[worst], "s", at_most=at_most)
        return Outcome(not over, desired, said, origin=_shown(found), stuck=_LOOK, measured=measured)


def _has(found: Explained, node: str) -> bool:
    """Whether a node of the plan has this name, or one that begins with it."""
    return any(f"{line.strip().partition(' (')[0]} ".startswith(f"{node} ") for line in found.nodes)


def _nodes(found: Explained, nodes: Iterable[str], wrong: str, word: str) -> Outcome:
    desired = f"{word} {', '.join(nodes)}"
    return Outcome(not wrong, desired, wrong or desired, origin=_shown(found), stuck=_LOOK)


def _shown(found: Explained) -> str:
    return " / ".join(line.strip() for line in found.nodes)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g}ms"
