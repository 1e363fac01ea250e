"""Scripts of pgbench: how many transactions a second, and how long they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, within
from pgdeploy.layers.workload.workload import LOOK, PARTS, Workload

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.workload.pgbench import Benched


@dataclass(frozen=True, slots=True)
class Script(Workload):
    """One script."""

    section: ClassVar[str] = "scripts"

    def checks(self) -> Iterator[Check]:
        yield self.runs
        if self.one.throughput is not None:
            yield self.check("throughput", self._throughput, spelled=True)
        if any(getattr(self.one, word) is not None for word in PARTS):
            yield self.check("time", self._time)

    def _throughput(self, facts: Facts) -> Outcome:
        found: Benched = self.run(facts)
        least = self.one.throughput
        measured = Measured(found.throughput, "1/s", at_least=least)
        clients = f"{self.one.clients} clients over {self.one.duration}"
        return within(
            measured, f"at least {least:g}/s", f"{found.throughput:.4g}/s", origin=clients, remedy=LOOK
        )

    def _time(self, facts: Facts) -> Outcome:
        found: Benched = self.run(facts)
        return self.times(
            found.latencies, f"{len(found.latencies)} transactions of {self.one.clients} clients"
        )
