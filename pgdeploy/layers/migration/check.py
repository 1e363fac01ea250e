"""Checks of migrations: the version table against the scripts, and what a run that was cut short may have left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, held_up
from pgdeploy.core.remedy import By, Remedy
from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.core.layer import Declared
    from pgdeploy.layers.migration.reading import MigrationFact
    from pgdeploy.layers.migration.scripts import Scripts
    from pgdeploy.model.migration import MigrationSpec


@dataclass(frozen=True, slots=True)
class Migration(Resource):
    """One directory of scripts, and the database that they are for."""

    layer: ClassVar[str] = "migration"
    kind: ClassVar[str] = "migration"
    target: str
    name: str
    by_sqitch: bool = False
    """Whether Sqitch runs it, and not we."""

    def fact(self, facts: Facts) -> MigrationFact:
        """Raises Unreadable: migrations could not be read at all."""
        found: MigrationFact = facts.section(self.layer)[self.name]
        return found

    def checks(self) -> Iterator[Check]:
        yield self.heads
        yield self.head
        yield self._check("models", self._models)
        yield self._check("indexes", self._indexes)

    @property
    def heads(self) -> Check:
        """The parent of `.head`: nobody can say what is newest while two are."""
        return self._check("scripts", self._scripts)

    @property
    def head(self) -> Check:
        """The parent of `.models`: what is pending is no difference."""
        return self._check("head", self._head)

    def _check(self, field: str, compare: object) -> Check:
        address = f"migration[{quoted_name(self.name)}]"
        return Check(self, address, field, ("migrations", self.name), compare)  # type: ignore[arg-type]

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        parents = {"head": self.heads, "models": self.head}
        if check.field not in parents:
            return None
        try:
            return held_up(parents[check.field], facts)
        except Unreadable as error:
            return f"{parents[check.field].id} could not be read: {error}"

    def _scripts(self, facts: Facts) -> Outcome:
        scripts = self.fact(facts).known_scripts
        several = scripts.accidental_heads()
        desired = "one newest revision, or branches with labels"
        actual = listing(several or scripts.heads)
        remedy = f"alembic merge {' '.join(several)}" if several else ""
        return Outcome(not several, desired, actual, remedy=remedy)

    def _head(self, facts: Facts) -> Outcome:
        fact = self.fact(facts)
        scripts, versions = fact.known_scripts, fact.known_database.versions
        desired = listing(scripts.heads)
        if versions is None and not scripts.revisions:
            return Outcome(True, desired, desired)
        if changed := fact.changed:
            return Outcome(
                False,
                "each file as it was when it was run",
                f"{listing(changed)}: changed since",
                remedy="put back what was run, and write what is to change as a new revision",
            )
        actual, remedy = self._actual(scripts, versions)
        return Outcome(fact.at_head, desired, actual, remedy=remedy)

    def _actual(self, scripts: Scripts, versions: tuple[str, ...] | None) -> tuple[str, Remedy]:
        apply = Remedy(f"pgdeploy apply {self.target} --layer migration", By.PGDEPLOY)
        if self.by_sqitch:
            apply = Remedy("sqitch deploy")
        if versions is None:
            return f"no version table, so behind by {counted(len(scripts.revisions), 'revision')}", apply
        if unknown := scripts.unknown(versions):
            how = f"the scripts do not have {unknown[0]}: take those that it was made with, or `pgdeploy migrate "
            return f"{listing(versions)}, of which the scripts lack {listing(unknown)}", Remedy(
                f"{how}{self.target} stamp` what it is"
            )
        pending = len(scripts.pending(versions))
        shown = listing(scripts.newest(versions))
        if not pending:
            # an older revision beside a newer one that stands on it: edited by hand
            return f"{shown}, of which one stands on another", Remedy(
                f"pgdeploy migrate {self.target} stamp heads, if all of it is there"
            )
        return f"{shown}, behind by {counted(pending, 'revision')}", apply

    def _models(self, facts: Facts) -> Outcome:
        remedy = f"pgdeploy migrate {self.target} new --autogenerate -m WORDS, and read what it wrote"
        return as_the_models(self.fact(facts).differences, remedy)

    def _indexes(self, facts: Facts) -> Outcome:
        invalid = self.fact(facts).known_database.invalid
        remedy = "drop it and make it again: its CREATE INDEX CONCURRENTLY was cut short"
        return Outcome(not invalid, "none is invalid", listing(invalid), remedy=remedy)


def as_the_models(found: tuple[str, ...] | Unreadable | None, remedy: str = "") -> Outcome:
    """Whether a database is as the models of env.py, by how it differs from them."""
    if isinstance(found, Unreadable):
        raise found
    if found is None:
        raise Inapplicable("no models: env.py names no target_metadata, or it is no Alembic")
    return Outcome(not found, "the same", "; ".join(found) or "the same", remedy=remedy)


def migrations_of(declared: Declared, sections: Mapping[str, MigrationSpec]) -> tuple[Migration, ...]:
    """Every entry of `migrations:`."""
    return tuple(Migration(declared.target, name, one.kind == "sqitch") for name, one in sections.items())
