"""What all workloads share: that they run, and that nothing else of them is asked where they do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, held_up
from pgdeploy.errors import Unreadable
from pgdeploy.layers.workload.login import Failed
from pgdeploy.layers.workload.timing import milliseconds, percentile
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdeploy.core.facts import Facts
    from pgdeploy.model.spec import Spec

PARTS: Mapping[str, float] = {"median": 0.5, "p95": 0.95, "p99": 0.99}
"""Limits of times, and which part of them is within each."""

LOOK = "look at the plan, for an index that is gone or statistics that are old (ANALYZE), or change the limit"


@dataclass(frozen=True, slots=True)
class Workload(Resource):
    """One of them; `one` is what the spec says of it."""

    kind: ClassVar[str] = "workload"
    layer: ClassVar[str] = "workload"
    section: ClassVar[str]
    spec: Spec
    name: str
    one: Any

    @property
    def runs(self) -> Check:
        """That it runs at all."""
        return self.check("runs", self._ran)

    def check(self, field: str, compare: Callable[..., Outcome], *tools: str, spelled: bool = False) -> Check:
        """A check of it; `spelled`: the spec has a line for it."""
        keys: tuple[str, ...] = ("workloads", self.section, self.name)
        keys = (*keys, field) if spelled else keys
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

    def run(self, facts: Facts) -> Any:
        """What became of it.

        Raises:
            Unreadable: it could not be run.
        """
        run = facts.section(self.layer)[self.name]
        if isinstance(run, Unreadable):
            raise run
        return run

    def _ran(self, facts: Facts) -> Outcome:
        run = self.run(facts)
        failed = isinstance(run, Failed)
        role, database = self.one.role, self.one.database
        remedy = f"run it as {role} in {database}, and correct the statement, the rights or the data"
        return Outcome(not failed, "runs", f"fails: {run}" if failed else "runs", remedy=remedy)

    def times(self, taken: Sequence[float], origin: str = "") -> Outcome:
        """Whether these times are within the limits that the spec has."""
        limits = {word: limit for word in PARTS if (limit := getattr(self.one, word)) is not None}
        actual = {word: percentile(taken, part) for word, part in PARTS.items()}
        over = [word for word, limit in limits.items() if actual[word] > seconds_of(limit)]
        worst = next(iter(over), next(iter(limits), "median"))
        at_most = seconds_of(limits[worst]) if worst in limits else None
        desired = ", ".join(f"{word} at most {limit}" for word, limit in limits.items()) or "no limit"
        said = ", ".join(f"{word} {milliseconds(actual[word])}" for word in limits or ("median",))
        measured = Measured(actual[worst], "s", at_most=at_most)
        return Outcome(not over, desired, said, origin=origin, remedy=LOOK, measured=measured)
