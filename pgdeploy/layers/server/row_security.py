"""Row level security: `row_security:` of a database, one line a table.

Whether it is on, whether it binds the table's owner, too, and which policies there are. A policy is code, which
a migration makes: it is known by its name here, and no plan makes or drops one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.layers.server import acl, database, schema
from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.change import Change, Stage, statements
from pgdeploy.layers.server.object import clause
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.routine import MAKE_FIRST
from pgdeploy.model.inheritance import inherited
from pgdeploy.model.row_security import RowSecuritySpec
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


class RowSecurityFact(NamedTuple):
    """A table as it is. `possible`: neither a view nor a foreign table, which can have no policies."""

    schema: str
    table: str
    possible: bool
    enabled: bool
    forced: bool
    policies: list[str]


ROW_SECURITY = Query("row_security", RowSecurityFact._make, in_database=True, scoped=True)
QUERIES = (ROW_SECURITY,)

_NO_POLICY = (
    "the table has no policy: from then on only its owner, superusers and roles with BYPASSRLS see its rows"
)
_OPEN = "everybody who may read the table sees all its rows from then on"


def tables(facts: Facts, database: str) -> Mapping[tuple[str, str], RowSecurityFact]:
    """Row level security of the tables that the spec names, by schema and table."""
    return {row[:2]: row for row in facts.rows(ROW_SECURITY, database)}


@dataclass(frozen=True, slots=True)
class RowSecurity(ServerResource):
    """One line of `row_security:` in one database."""

    kind: ClassVar[str] = "row_security"
    database: str
    spec: RowSecuritySpec
    keys: Keys

    @property
    def address(self) -> str:
        return f"row_security[{quoted_name(self.database)}: {self.spec.on.text}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "enabled", (*self.keys, "enabled"), self._compare_enabled)
        if self.spec.forced is not None:
            yield Check(self, self.address, "forced", (*self.keys, "forced"), self._compare_forced)
        if self.spec.policies is not None:
            yield Check(self, self.address, "policies", (*self.keys, "policies"), self._compare_policies)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts)
        return missing or schema.absent(self.database, self._key.schema or "", facts)

    @property
    def _key(self) -> ObjectKey:
        return ObjectKey("table", self.spec.on.schema_, self.spec.on.table or "")

    def _fact(self, facts: Facts) -> RowSecurityFact | None:
        return facts.once(tables, self.database).get((self._key.schema or "", self._key.name))

    # -- compare -----------------------------------------------------------------------------------

    def _compare_enabled(self, facts: Facts) -> Outcome:
        fact, desired = self._fact(facts), self.spec.enabled
        if fact is None or not fact.possible:
            return self._no_table(fact, _on(desired), conforms=fact is not None and not desired)
        missing = self._missing(fact)
        remedy = ""
        if desired and not fact.enabled and missing:
            remedy = (
                f"the policies {listing(map(quoted_name, missing))} are not there, and without them rows would vanish "
                "for those whom they let in; let a migration make them first"
            )
        return Outcome(fact.enabled == desired, _on(desired), _on(fact.enabled), remedy=remedy)

    def _compare_forced(self, facts: Facts) -> Outcome:
        fact, desired = self._fact(facts), bool(self.spec.forced)
        if fact is None or not fact.possible:
            return self._no_table(fact, _forced(desired), conforms=fact is not None and not desired)
        return Outcome(fact.forced == desired, _forced(desired), _forced(fact.forced))

    def _compare_policies(self, facts: Facts) -> Outcome:
        fact, desired = self._fact(facts), listing(map(quoted_name, self.spec.policies or ()))
        if fact is None or not fact.possible:
            return self._no_table(fact, desired, conforms=fact is not None and not self.spec.policies)
        missing, extra = self._missing(fact), set(fact.policies) - set(self.spec.policies or ())
        said = (
            f"{listing(map(quoted_name, missing))}: not there; let a migration make it" if missing else "",
            f"{listing(map(quoted_name, extra))}: not in the spec; write it there, or let a migration drop it"
            if extra
            else "",
        )
        remedy = "; ".join(filter(None, said))
        return Outcome(not remedy, desired, listing(map(quoted_name, fact.policies)), remedy=remedy)

    def _no_table(self, fact: RowSecurityFact | None, desired: str, *, conforms: bool) -> Outcome:
        """A view that shall have none conforms."""
        if fact is None:
            return Outcome(False, desired, "no such table", remedy=MAKE_FIRST)
        remedy = (
            "" if conforms else "only tables and partitioned tables can have it; name the table behind it"
        )
        return Outcome(conforms, desired, "no table, but a view or a foreign table", remedy=remedy)

    def _missing(self, fact: RowSecurityFact) -> list[str]:
        return [policy for policy in self.spec.policies or () if policy not in fact.policies]

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        fields = {drift.check.field: drift.check.id for drift in drifts if not drift.remedy}
        fact = self._fact(facts)
        if not fields or fact is None:
            return
        words = {
            "enabled": "ENABLE" if self.spec.enabled else "DISABLE",
            "forced": "FORCE" if self.spec.forced else "NO FORCE",
        }
        actions = ", ".join(f"{word} ROW LEVEL SECURITY" for field, word in words.items() if field in fields)
        owner = facts.once(acl.owners, self.database).get(self._key)
        yield Change(
            Stage.ROW_SECURITY,
            statements(f"ALTER TABLE {clause(self._key)} {actions}"),
            tuple(fields.values()),
            database=self.database,
            acts_as=(owner,) if owner else (),
            notes=tuple(self._notes(fact)) if "enabled" in fields else (),
        )

    def _notes(self, fact: RowSecurityFact) -> Iterator[str]:
        if not self.spec.enabled:
            yield _OPEN
        elif not fact.policies:
            yield _NO_POLICY


def _on(enabled: bool) -> str:
    return "on" if enabled else "off"


def _forced(forced: bool) -> str:
    return "forced" if forced else "not forced"


def declared_in(spec: Spec, target: str) -> Mapping[str, tuple[RowSecuritySpec, Keys]]:
    """Lines about tables of a database, its own and those of its templates; the nearest word counts."""
    found: dict[str, tuple[RowSecuritySpec, Keys]] = {}
    for source, body in inherited(spec, target):
        for index, line in enumerate(body.row_security):
            found.setdefault(line.on.text, (line, ("databases", source, "row_security", index)))
    return found


def tables_of(spec: Spec) -> list[tuple[str, str]]:
    """Every table that a line speaks of, once."""
    lines = (line for body in spec.databases.values() for line in body.row_security)
    return list(dict.fromkeys((line.on.schema_ or "", line.on.table or "") for line in lines))


def resources(spec: Spec) -> Iterator[ServerResource]:
    for target in spec.databases:
        for line, keys in declared_in(spec, target).values():
            yield RowSecurity(target, line, keys)
