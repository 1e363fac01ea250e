"""Schemas and their owners: `schemas:` of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl, database, exact, extension, provider
from pgdeploy.layers.server.change import CREATE, Change, Stage, ident, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import DATABASE_OWNER, stays_superuser, superusers, usual_owner
from pgdeploy.model.inheritance import inherited
from pgdeploy.model.schema import SchemaSpec
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.extension import ExtensionSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


GIVEN = ("public", *acl.SYSTEM)
"""Schemas that every database has without being told."""


def owners(facts: Facts, database: str) -> Mapping[str, str]:
    """Schemas of a database and who owns them."""
    return {
        key.name: owner for key, owner in facts.once(acl.owners, database).items() if key.kind == "schema"
    }


def absent(database_name: str, schema: str, facts: Facts) -> str | None:
    """Why a check about something in this schema means nothing yet."""
    if schema in acl.SYSTEM:
        return None
    there = schema in facts.once(owners, database_name)
    return None if there else f"schema {quoted_name(schema)} does not exist in {quoted_name(database_name)}"


@dataclass(frozen=True, slots=True)
class Schema(ServerResource):
    """One entry of `schemas:` in one database, its own or one that a template brings."""

    kind: ClassVar[str] = "schema"
    database: str
    schema: str
    spec: SchemaSpec
    keys: Keys
    extensions: FrozenMap[str, ExtensionSpec]
    """Those of this database: one of them may make this schema itself."""
    keepers: frozenset[str]
    """Who owns this database or this schema by the spec, here or in a template that it comes from."""
    superusers: frozenset[str]
    """Roles that the spec lets be superuser."""
    policy: str = "drift"
    """What the spec says of an owner that it does not write."""

    @property
    def address(self) -> str:
        return f"schema[{quoted_name(self.database)}: {quoted_name(self.schema)}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "exists", self.keys, self._compare_exists)
        if self.spec.owner is not None:
            yield Check(self, self.address, "owner", (*self.keys, "owner"), self._compare_owner)
        elif self.policy != "ignore":
            yield Check(self, self.address, exact.FIELD, self.keys, self._compare_undeclared, "undeclared")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts)
        if missing is None and check.field != "exists":
            missing = absent(self.database, self.schema, facts)
        return missing

    def roles_named(self, facts: Facts, check: Check) -> Sequence[str]:
        return (self.spec.owner,) if self.spec.owner and check.field in ("exists", "owner") else ()

    def _compare_exists(self, facts: Facts) -> Outcome:
        there = self.schema in facts.once(owners, self.database)
        return Outcome(there, "present", "present" if there else "absent")

    def _compare_owner(self, facts: Facts) -> Outcome:
        actual = facts.once(owners, self.database).get(self.schema)
        return Outcome(
            actual == self.spec.owner,
            quoted_name(self.spec.owner or ""),
            quoted_name(actual) if actual else "none",
        )

    def _compare_undeclared(self, facts: Facts) -> Outcome:
        actual = facts.once(owners, self.database).get(self.schema, "")
        off = {} if self._is_usual(actual, facts) else {"owner": quoted_name(actual)}
        return exact.compared(off, self.policy)

    def _is_usual(self, owner: str, facts: Facts) -> bool:
        """Whether it gives nobody a right that he has not: a superuser, the database's owner, whoever makes schemas."""
        usual = {facts.about.user, DATABASE_OWNER, *facts.once(provider.provided), *self.keepers}
        return owner in usual or stays_superuser(owner, self.superusers, facts)

    def owner_after(self, facts: Facts) -> str | None:
        """Whom the plan makes its owner; None where it leaves that as it is."""
        actual = facts.once(owners, self.database).get(self.schema)
        off = self.policy == "drift" and self.spec.owner is None and actual is not None
        return usual_owner(facts) if off and not self._is_usual(actual or "", facts) else self.spec.owner

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        causes = tuple(drift.check.id for drift in drifts)
        if [drift.check.field for drift in drifts] == [exact.FIELD]:
            yield self._usual_again(causes, facts)
            return
        owner = ident(self.spec.owner) if self.spec.owner else None
        moved = f"ALTER SCHEMA {ident(self.schema)} OWNER TO {owner}"
        made = f"{ident(self.schema)}" + (f" AUTHORIZATION {owner}" if owner else "")
        stage, texts = Stage.SCHEMA, [f"CREATE SCHEMA {made}"]
        if self.schema in facts.once(owners, self.database):
            texts = [moved]
        elif self._may_be_brought(facts):
            stage = Stage.SCHEMA_AFTER_EXTENSION
            texts = [f"CREATE SCHEMA IF NOT EXISTS {made}", *([moved] if owner else [])]
        roles = tuple(
            role for role in (self.spec.owner, facts.once(owners, self.database).get(self.schema)) if role
        )
        made_here = statements(*texts)
        yield Change(stage, made_here, causes, database=self.database, acts_as=roles, needs=(CREATE,))

    def _usual_again(self, causes: tuple[str, ...], facts: Facts) -> Change:
        owner = usual_owner(facts)
        text = f"ALTER SCHEMA {ident(self.schema)} OWNER TO {ident(owner)}"
        present = facts.once(owners, self.database)[self.schema]
        roles = (owner, present)
        return Change(
            Stage.SCHEMA, statements(text), causes, database=self.database, acts_as=roles, needs=(CREATE,)
        )

    def _may_be_brought(self, facts: Facts) -> bool:
        """Whether the script of an extension may make it, and would fail where it is already there."""
        homes = {"public", *(one.schema_ for one in self.extensions.values())}
        return self.schema not in homes and extension.moving(facts, self.database, self.extensions)


def _keepers(spec: Spec, target: str, schema: str) -> frozenset[str]:
    found: set[str | None] = set()
    for _, body in inherited(spec, target):
        found |= {body.owner, body.schemas[schema].owner if schema in body.schemas else None}
    return frozenset(filter(None, found))


def resources(spec: Spec) -> Iterator[ServerResource]:
    policy, powerful = spec.undeclared.attributes, superusers(spec)
    for target in spec.databases:
        seen: set[str] = set()
        extensions = FrozenMap({one: body for one, (body, _) in extension.declared_in(spec, target).items()})
        for source, body in inherited(spec, target):
            for schema, schema_spec in body.schemas.items():
                if schema not in seen:
                    seen.add(schema)
                    keys = ("databases", source, "schemas", schema)
                    keepers = _keepers(spec, target, schema)
                    yield Schema(target, schema, schema_spec, keys, extensions, keepers, powerful, policy)
