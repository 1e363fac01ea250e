"""Each threshold as a check: what was measured against its limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource
from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.layers.threshold.statement import statement_shown
from pgdeploy.model.threshold import WINDOW, Limits, Metric, number_of
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.threshold.query import Found
    from pgdeploy.layers.threshold.reading import Quantity

_WHAT_TO_DO = {
    "connections": "end sessions that nobody needs, use a pooler, or raise max_connections (a restart)",
    "locks": "look at what the blocking session does; SELECT pg_cancel_backend(PID) ends its statement",
    "transactions": "commit or roll back; SELECT pg_terminate_backend(PID) ends the session",
    "cache": "raise shared_buffers, or look for statements that read whole tables",
    "replication": "look at the standby's load and network, and whether a statement there conflicts",
    "slots": "start the consumer of the slot, or drop it: pg_drop_replication_slot('NAME')",
    "wal": "look at archive_command in the server's log, and for slots that nobody reads; the disk fills meanwhile",
    "age": "let VACUUM (FREEZE) run; look for old transactions, slots and prepared transactions that hold it back",
    "temp_files": "raise work_mem for the statements that sort, or index what they sort by",
    "checkpoints": "raise max_wal_size",
    "tables": "VACUUM it; look for transactions, slots or settings of the table that keep autovacuum from it",
    "indexes": "DROP INDEX CONCURRENTLY; an invalid one first: REINDEX INDEX CONCURRENTLY",
    "sequences": "ALTER SEQUENCE ... AS bigint, or MAXVALUE",
    "keys": "change the column to bigint before it is full",
    "cpu": "look at what runs; more processors, or less work",
    "memory": "lower shared_buffers or work_mem, or give the host more memory",
    "disk": "make room, or give the disk more space",
    "inodes": "remove what makes so many files",
}


@dataclass(frozen=True, slots=True)
class Threshold(Resource):
    """One quantity and its limits."""

    kind: ClassVar[str] = "threshold"
    layer: ClassVar[str] = "threshold"
    metric: Metric
    limits: Limits
    window: str

    def checks(self) -> Iterator[Check]:
        metric = self.metric
        keys = ("thresholds", metric.thing, metric.field)
        yield Check(self, f"threshold[{metric.thing}]", metric.field, keys, self._compare, subject=metric)

    def unasked(self, facts: Facts) -> str | None:
        return facts.down or None

    def _compare(self, facts: Facts) -> Outcome:
        return self.compared(facts.section(self.layer)[self.metric.id])

    def compared(self, found: Quantity) -> Outcome:
        """What was measured against the limits.

        Raises:
            Unreadable, Inapplicable: it was not measured.
        """
        if isinstance(found, (Unreadable, Inapplicable)):
            raise found
        worst = next(iter(found), None)
        unread = next((row for row in found if row.value is None), None)
        if worst is None:
            return Outcome(True, self._desired, "none")
        if worst.value is None:
            raise Unreadable(str(worst.culprit))
        outcome = self._outcome(worst, worst.value)
        if outcome.conforms and unread is not None:
            raise Unreadable(str(unread.culprit))
        return outcome

    def _outcome(self, worst: Found, value: float) -> Outcome:
        actual, origin = shown(value, self.metric.unit), _origin(worst)
        warned = not self._measured(value, self.limits.warn).fits
        failed = self._measured(value, self.limits.fail)
        side = "below" if self.metric.at_least else "above"
        note = f"warning: {actual} is {side} {self.limits.warn}: {origin}" if warned and failed.fits else ""
        remedy = _WHAT_TO_DO[self.metric.thing]
        return Outcome(failed.fits, self._desired, actual, origin, note, remedy, failed)

    def _measured(self, value: float, limit: str | None) -> Measured:
        number = None if limit is None else number_of(limit, self.metric.unit)
        if self.metric.at_least:
            return Measured(value, self.metric.unit, at_least=number)
        return Measured(value, self.metric.unit, at_most=number)

    @property
    def _desired(self) -> str:
        bound = "at least" if self.metric.at_least else "at most"
        limits = f"{bound} {self.limits.fail}" if self.limits.fail is not None else "no limit"
        warned = f" (warning: {self.limits.warn})" if self.limits.warn is not None else ""
        over = f", over {self.window}" if self.metric.thing in WINDOW else ""
        return f"{limits}{warned}{over}"


def thresholds(spec: Any) -> tuple[Resource, ...]:
    """A check for each limit of a spec."""
    return tuple(Threshold(metric, limits, spec.window) for metric, limits in spec.limits.items())


def _origin(found: Found) -> str:
    said = " <- ".join(map(statement_shown, found.statements or ()))
    return f"{found.culprit}: {said}" if said else found.culprit or ""
