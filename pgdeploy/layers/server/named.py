"""What has a name of its own in a database and is made by somebody else: it is there or not, whose it is, and one
thing more that its kind says.

Publications, event triggers and foreign servers have that in common. Each kind is a file of its own;
one read brings all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.core.step import Risk
from pgdeploy.layers.server import database
from pgdeploy.layers.server.change import Change, Stage, ident, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import names_by_oid
from pgdeploy.layers.server.routine import MAKE_FIRST
from pgdeploy.model.inheritance import inherited
from pgdeploy.model.named import NamedSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


class NamedFact(NamedTuple):
    """One that is there. `trait` is what its kind compares; `author` is no superuser, and wrote what it runs."""

    kind: str
    name: str
    owner: int
    trait: str
    hanging: int
    author: str | None


NAMED = Query("named", NamedFact._make, in_database=True)
QUERIES = (NAMED,)

AnySpec = TypeVar("AnySpec", bound=NamedSpec)


def present(facts: Facts, database: str) -> Mapping[tuple[str, str], NamedFact]:
    """What there is in a database, by kind and name."""
    return {row[:2]: row for row in facts.rows(NAMED, database)}


@dataclass(frozen=True, slots=True)
class Named(ServerResource, Generic[AnySpec]):
    """One entry in one database. A kind says its words, and what more it compares."""

    word: ClassVar[str]
    """As SQL calls the kind."""
    made_by: ClassVar[str]
    """Who makes it, when it is not there."""
    lost: ClassVar[str]
    """What a DROP loses."""
    fields: ClassVar[tuple[str, ...]]
    """What can be compared of one that is there."""
    database: str
    thing: str
    spec: AnySpec
    keys: Keys

    @property
    def address(self) -> str:
        return f"{self.kind}[{quoted_name(self.database)}: {quoted_name(self.thing)}]"

    def checks(self) -> Iterator[Check]:
        if self.spec.state == "absent":
            yield Check(self, self.address, "absent", self.keys, self._compare_absent)
            return
        yield Check(self, self.address, "exists", self.keys, self._compare_exists)
        for field in self.fields:
            if getattr(self.spec, field) is not None:
                compare = partial(self._compare_field, field)
                yield Check(self, self.address, field, (*self.keys, field), compare)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts)
        if missing is None and check.field in self.fields and self.fact(facts) is None:
            missing = f"{self._called} does not exist in {quoted_name(self.database)}"
        return missing

    @property
    def _called(self) -> str:
        return f"{self.kind.replace('_', ' ')} {quoted_name(self.thing)}"

    def fact(self, facts: Facts) -> NamedFact | None:
        return facts.once(present, self.database).get((self.kind, self.thing))

    # -- compare -----------------------------------------------------------------------------------

    def _compare_exists(self, facts: Facts) -> Outcome:
        there = self.fact(facts) is not None
        return Outcome(
            there, "present", "present" if there else "absent", remedy="" if there else self._to_make()
        )

    def _compare_absent(self, facts: Facts) -> Outcome:
        fact = self.fact(facts)
        remedy = self.held_by(fact) if fact is not None else ""
        return Outcome(fact is None, "absent", "absent" if fact is None else "present", remedy=remedy)

    def _compare_field(self, field: str, facts: Facts) -> Outcome:
        fact, desired = self.fact(facts), getattr(self.spec, field)
        if fact is None:
            return Outcome(False, str(desired), "none", remedy=self._to_make())
        return self._compare_owner(fact, facts) if field == "owner" else self.compare_trait(fact)

    def _compare_owner(self, fact: NamedFact, facts: Facts) -> Outcome:
        desired, actual = getattr(self.spec, "owner", None) or "", owner_of(fact, facts)
        return Outcome(actual == desired, quoted_name(desired), quoted_name(actual))

    def compare_trait(self, fact: NamedFact) -> Outcome:
        """What its kind compares beside the owner."""
        raise NotImplementedError

    def held_by(self, fact: NamedFact) -> str:
        """Why one that must not be there cannot be dropped by a plan."""
        return ""

    def _to_make(self) -> str:
        return f"{self.made_by}; {MAKE_FIRST}"

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        fact = self.fact(facts)
        causes = {drift.check.field: drift.check.id for drift in drifts if not drift.remedy}
        if fact is None or not causes:
            return
        owner, on = owner_of(fact, facts), f"{self.word} {ident(self.thing)}"
        if cause := causes.get("absent"):
            change = self.change(f"DROP {on}", cause, owner)
            yield replace(change, risk=Risk.DESTRUCTIVE, lost=self.lost)
        if cause := causes.get("owner"):
            new = getattr(self.spec, "owner", None) or ""
            change = self.change(f"ALTER {on} OWNER TO {ident(new)}", cause, new, owner)
            needs = tuple(self.needs_of(fact, new, facts))
            # grants may take away what the new owner needs for it, or give what he lacks
            yield replace(change, stage=Stage.OBJECT if needs else Stage.OWNERSHIP, needs=needs)
        yield from self.altered(causes, owner)

    def needs_of(self, fact: NamedFact, new: str, facts: Facts) -> Iterator[str]:
        """What its new owner lacks, so that only a superuser may give it to him."""
        return iter(())

    def altered(self, causes: Mapping[str, str], owner: str) -> Iterator[Change]:
        """What makes right what its kind compares, by the field that is off."""
        return iter(())

    def change(self, text: str, cause: str, *owners: str) -> Change:
        return Change(Stage.OBJECT, statements(text), (cause,), database=self.database, acts_as=owners)


AnyNamed = TypeVar("AnyNamed", bound=Named[Any])


def owner_of(fact: NamedFact, facts: Facts) -> str:
    return facts.once(names_by_oid).get(fact.owner, str(fact.owner))


def entries(spec: Spec, section: str, kind: type[AnyNamed]) -> Iterator[AnyNamed]:
    """A section of each database, and what its templates bring of it; the nearest word counts."""
    for target in spec.databases:
        found: dict[str, AnyNamed] = {}
        for source, body in inherited(spec, target):
            for thing, thing_spec in getattr(body, section).items():
                keys = ("databases", source, section, thing)
                found.setdefault(thing, kind(target, thing, thing_spec, keys))
        yield from found.values()
