"""Checks of the last restore that was proved, whatever engine made the backup."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, held_up, within
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.layers.backup.aged import aged
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.backup.manifest import Record


@dataclass(frozen=True, slots=True)
class Restores(Resource):
    """It was good, quick enough, and not too long ago."""

    layer: ClassVar[str] = "backup"
    kind: ClassVar[str] = "restore"
    target: str
    rto: str
    every: str

    def checks(self) -> Iterator[Check]:
        yield self.good
        yield Check(self, "backup[restore]", "age", ("backup", "recovery", "restore_every"), self._age)
        yield Check(self, "backup[restore]", "rto", ("backup", "recovery", "rto"), self._took)

    @property
    def good(self) -> Check:
        return Check(self, "backup[restore]", "proved", ("backup", "recovery"), self._good)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return held_up(self.good, facts) if check.field != "proved" else None

    def _records(self, facts: Facts) -> Sequence[Record]:
        """Raises Unreadable: they cannot be read."""
        found: Sequence[Record] = facts.section(self.layer).records
        return found

    def _good(self, facts: Facts) -> Outcome:
        records, desired = self._records(facts), "the last restore was good"
        if not records:
            return Outcome(False, desired, "no restore was tried", remedy=self._prove)
        last = records[0]
        actual = f"of {last.label}: {listing(last.failed)}" if last.failed else desired
        return Outcome(last.good, desired, actual, remedy=self._prove)

    def _age(self, facts: Facts) -> Outcome:
        last = self._records(facts)[0]
        return aged(time.time() - last.started, self.every, last.label, self._prove)

    def _took(self, facts: Facts) -> Outcome:
        last = self._records(facts)[0]
        measured = Measured(last.seconds, "s", at_most=seconds_of(self.rto))
        remedy = "more jobs, a quicker disk, or smaller databases"
        return within(
            measured, f"at most {self.rto}", f"{last.seconds:.1f}s", origin=last.label, remedy=remedy
        )

    @property
    def _prove(self) -> Remedy:
        return Remedy(f"pgdeploy backup {self.target} prove", By.PGDEPLOY)
