"""Tablespaces: `tablespaces:` of a spec. `grants:` says who may use them.

None is made or dropped: its folder belongs to the host, and what stands in it may belong to any database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.layers.server.change import Change, Stage, ident, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import names_by_oid
from pgdeploy.model.tablespace import TablespaceSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


class TablespaceFact(NamedTuple):
    name: str
    owner: int
    location: str


TABLESPACES = Query("tablespaces", TablespaceFact._make)
QUERIES = (TABLESPACES,)

BY_INITDB = frozenset({"pg_default", "pg_global"})
_MAKE = "its folder belongs to the host; make it, and CREATE TABLESPACE, by hand; pgdeploy does not"
_DROP = "any database may have tables in it; DROP TABLESPACE by hand; pgdeploy does not"
_MOVE = "a tablespace does not move: make another, and move what is in it"


def tablespaces(facts: Facts) -> Mapping[str, TablespaceFact]:
    return {row.name: row for row in facts.rows(TABLESPACES)}


@dataclass(frozen=True, slots=True)
class Tablespace(ServerResource):
    """One entry of `tablespaces:`."""

    kind: ClassVar[str] = "tablespace"
    tablespace: str
    spec: TablespaceSpec

    @property
    def address(self) -> str:
        return f"tablespace[{quoted_name(self.tablespace)}]"

    def checks(self) -> Iterator[Check]:
        keys = ("tablespaces", self.tablespace)
        if self.spec.state == "absent":
            yield Check(self, self.address, "absent", keys, self._compare_absent)
            return
        yield Check(self, self.address, "exists", keys, self._compare_exists)
        if self.spec.owner is not None:
            yield Check(self, self.address, "owner", (*keys, "owner"), self._compare_owner)
        if self.spec.location is not None:
            yield Check(self, self.address, "location", (*keys, "location"), self._compare_location)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if check.field in ("exists", "absent") or self._fact(facts) is not None:
            return None
        return f"tablespace {quoted_name(self.tablespace)} does not exist"

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        """An embedded server that nobody made tablespaces for stands for one that has them."""
        embedded = facts.server is not None and facts.server.kind == "embedded"
        named = self.tablespace in BY_INITDB or check.field == "absent"
        bare = embedded and not named and facts.once(tablespaces).keys() <= BY_INITDB
        return "the embedded server has no tablespaces of its own" if bare else None

    def _fact(self, facts: Facts) -> TablespaceFact | None:
        return facts.once(tablespaces).get(self.tablespace)

    # -- compare -----------------------------------------------------------------------------------

    def _compare_exists(self, facts: Facts) -> Outcome:
        there = self._fact(facts) is not None
        return Outcome(there, "present", "present" if there else "absent", remedy="" if there else _MAKE)

    def _compare_absent(self, facts: Facts) -> Outcome:
        there = self._fact(facts) is not None
        return Outcome(not there, "absent", "present" if there else "absent", remedy=_DROP if there else "")

    def _compare_owner(self, facts: Facts) -> Outcome:
        fact, desired = self._fact(facts), self.spec.owner or ""
        if fact is None:
            return Outcome(False, quoted_name(desired), "none", remedy=_MAKE)
        actual = _owner(fact, facts)
        return Outcome(actual == desired, quoted_name(desired), quoted_name(actual))

    def _compare_location(self, facts: Facts) -> Outcome:
        fact, desired = self._fact(facts), self.spec.location or ""
        if fact is None:
            return Outcome(False, desired, "none", remedy=_MAKE)
        there = normpath(fact.location) == normpath(desired) if fact.location else False
        return Outcome(there, desired, fact.location or "none", remedy="" if there else _MOVE)

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        fact = self._fact(facts)
        causes = tuple(drift.check.id for drift in drifts if not drift.remedy)
        if fact is None or not causes:
            return
        owner = self.spec.owner or ""
        text = f"ALTER TABLESPACE {ident(self.tablespace)} OWNER TO {ident(owner)}"
        yield Change(Stage.TABLESPACE, statements(text), causes, acts_as=(owner, _owner(fact, facts)))


def _owner(fact: TablespaceFact, facts: Facts) -> str:
    return facts.once(names_by_oid).get(fact.owner, str(fact.owner))


def resources(spec: Spec) -> Iterator[ServerResource]:
    for tablespace, body in spec.tablespaces.items():
        yield Tablespace(tablespace, body)
