"""Checks of seeds: the rows of a file are in the table, with these values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.errors import Unreadable
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.seed.rows import Differences
    from pgdeploy.model.seed import SeedTableSpec

SAME = "the rows of the file"


@dataclass(frozen=True, slots=True)
class SeededTable(Resource):
    """One table, and the file that says which rows it must have."""

    layer: ClassVar[str] = "seed"
    kind: ClassVar[str] = "seed"
    target: str
    database: str
    number: int
    """Its place in `rows:`."""
    seed: SeedTableSpec

    @property
    def label(self) -> str:
        """As PostgreSQL writes it."""
        return f"{quoted_name(self.seed.schema_)}.{quoted_name(self.seed.table)}"

    def checks(self) -> Iterator[Check]:
        address = f"seed[{quoted_name(self.database)}: {self.label}]"
        yield Check(self, address, "rows", ("seeds", self.database, "rows", self.number), self._compare)

    def _compare(self, facts: Facts) -> Outcome:
        found = facts.section(self.layer)[self.database][self.number]
        if isinstance(found, Unreadable):
            raise found
        if found is None:
            return Outcome(False, SAME, "no such table", remedy="a migration makes it")
        remedy = Remedy(f"pgdeploy seed {self.target}", By.PGDEPLOY)
        return Outcome(not found.missing and not found.other, SAME, actual(found), remedy=remedy)


def actual(found: Differences) -> str:
    """The differences in words, with keys of some rows."""
    parts = [f"{counted(found.missing, 'row')} missing"] if found.missing else []
    parts += [f"{counted(found.other, 'row')} with other values"] if found.other else []
    return f"{', '.join(parts)}: {'; '.join(found.shown)}" if parts else SAME
