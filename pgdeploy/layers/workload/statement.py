"""Statements: what repeats of a run, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, within
from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.workload.calm import Calm
from pgdeploy.layers.workload.explain import Explained, name_of
from pgdeploy.layers.workload.login import Failed
from pgdeploy.layers.workload.parameter import execute, statements
from pgdeploy.layers.workload.run import session
from pgdeploy.layers.workload.timing import rounds
from pgdeploy.layers.workload.workload import LOOK, Workload
from pgdeploy.model.host.amount import bytes_of

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.reach.server import Server


@dataclass(frozen=True, slots=True)
class Statement(Workload):
    """One statement: that it runs, and what repeats of it."""

    section: ClassVar[str] = "statements"

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
                yield self.check(field, compare, spelled=True)

    def explained(self, facts: Facts) -> Explained:
        """What repeats of its run, which did not fail."""
        found: Explained = self.run(facts)
        return found

    def _rows(self, facts: Facts) -> Outcome:
        found, desired = self.explained(facts), self.one.rows or 0
        measured = Measured(found.rows, "", at_least=desired, at_most=desired)
        return within(measured, str(desired), str(found.rows), remedy="the data, or the promise, has changed")

    def _buffers(self, facts: Facts) -> Outcome:
        found, most = self.explained(facts), self.one.buffers or 0
        measured = Measured(found.buffers, "", at_most=most)
        return within(
            measured, f"at most {most} blocks", str(found.buffers), origin=_shown(found), remedy=LOOK
        )

    def _temp(self, facts: Facts) -> Outcome:
        found, most = self.explained(facts), self.one.temp or "0B"
        measured = Measured(found.temp, "B", at_most=bytes_of(most))
        return within(measured, f"at most {most}", f"{found.temp}B", origin=_shown(found), remedy=LOOK)

    def _plan(self, facts: Facts) -> Outcome:
        found = self.explained(facts)
        missing = [node for node in self.one.plan if not _has(found, node)]
        return _nodes(found, self.one.plan, "without " + ", ".join(missing) if missing else "", "with")

    def _plan_without(self, facts: Facts) -> Outcome:
        found = self.explained(facts)
        there = [node for node in self.one.plan_without if _has(found, node)]
        return _nodes(found, self.one.plan_without, "with " + ", ".join(there) if there else "", "without")


@dataclass(frozen=True, slots=True)
class Timing(Resource):
    """How long the statement takes."""

    kind: ClassVar[str] = "timing"
    layer: ClassVar[str] = "workload"
    workload: Statement

    def checks(self) -> Iterator[Check]:
        yield replace(self.workload.check("time", self._timed, "benchmark"), resource=self)

    def unasked(self, facts: Facts) -> str | None:
        return self.workload.unasked(facts)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return self.workload.held_up(facts)

    def _timed(self, facts: Facts, benchmark: Any = None) -> Outcome:
        import psycopg

        one, server = self.workload.one, facts.server
        if server is None:
            raise Unreadable("saved facts have no server to run it on")
        try:
            taken = self._rounds(server, benchmark)
        except psycopg.Error as error:
            return Outcome(False, f"runs {one.rounds} times", f"fails: {Failed.of(error)}", remedy=LOOK)
        except TargetError as error:
            raise Unreadable(str(error)) from None
        found = self.workload.explained(facts)
        if benchmark is not None:
            # what repeats stands beside the times in pytest-benchmark's files
            benchmark.extra_info |= found._asdict()
        return self.workload.times(taken, _shown(found))

    def _rounds(self, server: Server, benchmark: Any) -> list[float]:
        one = self.workload.one
        with session(self.workload.spec, one, server) as cursor:
            texts = cycle(statements(cursor, one))

            def run() -> None:
                execute(cursor, next(texts))
                if cursor.description is not None:
                    cursor.fetchall()

            calm = Calm(self.workload.spec, server)
            return rounds(run, one.rounds, one.warmup, benchmark, calm.keep)


def _has(found: Explained, node: str) -> bool:
    """Whether a node of the plan has this name, or one that begins with it."""
    return any(f"{name_of(line).strip()} ".startswith(f"{node} ") for line in found.nodes)


def _nodes(found: Explained, nodes: Iterable[str], wrong: str, word: str) -> Outcome:
    desired = f"{word} {', '.join(nodes)}"
    return Outcome(not wrong, desired, wrong or desired, origin=_shown(found), remedy=LOOK)


def _shown(found: Explained) -> str:
    settings = f"; with {', '.join(found.settings)}" if found.settings else ""
    return " / ".join(line.strip() for line in found.nodes) + settings
