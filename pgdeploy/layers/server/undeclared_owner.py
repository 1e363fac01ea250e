"""Declared roles that own what grants speak of, without a word in the spec: owners may do all, whatever is granted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.layers.server import acl, database, exact
from pgdeploy.layers.server.acl import table_of
from pgdeploy.layers.server.grant_line import lines_of
from pgdeploy.layers.server.object import keys_of
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import stays_superuser, superusers
from pgdeploy.model.inheritance import inherited
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.server.acl import ObjectKey
    from pgdeploy.model.object import Object
    from pgdeploy.model.spec import Spec

EVERYWHERE = ""
"""Stands for every schema."""


@dataclass(frozen=True, slots=True)
class UndeclaredOwner(ServerResource):
    """All that grants of one database name and no line of `ownership:` does."""

    kind: ClassVar[str] = "ownership"
    database: str
    named: tuple[Object, ...]
    """What the spec grants something on."""
    handed_over: tuple[Object, ...]
    """What lines of `ownership:` speak of."""
    roles: frozenset[str]
    """Declared roles."""
    superusers: frozenset[str]
    """Those that the spec lets be superuser."""
    makers: FrozenMap[str, frozenset[str]]
    """By schema, roles of which the spec says that they own it, or that they make things in it."""
    policy: str

    def checks(self) -> Iterator[Check]:
        keys = ("databases", self.database, "ownership")
        address = f"ownership[{quoted_name(self.database)}]"
        yield Check(self, address, "undeclared", keys, self._compare, "undeclared")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return database.absent(self.database, facts)

    def _compare(self, facts: Facts) -> Outcome:
        found = self._found(facts)
        actual = listing(f"{acl.shown(key)}: {quoted_name(owner)}" for key, owner in found.items())
        if self.policy == "report":
            return exact.reported("owners", actual, bool(found))
        return Outcome(
            not found,
            "no owner beyond the spec",
            actual,
            remedy="write in `ownership:` who owns it, or change its owner",
        )

    def _found(self, facts: Facts) -> Mapping[ObjectKey, str]:
        known = facts.once(acl.owners, self.database)
        free = facts.once(acl.free_standing, self.database)
        # superusers may do everything anyway
        theirs = {role for role in self.roles if not stays_superuser(role, self.superusers, facts)}
        said = {key for on in self.handed_over for key in keys_of(on, facts, self.database)}
        named = set(map(table_of, self._named(facts)))
        return {
            key: known[key]
            for key in sorted(named - said, key=acl.shown)
            if key in free and known[key] in theirs and not self._may_make(known[key], key)
        }

    def _named(self, facts: Facts) -> Iterator[ObjectKey]:
        for on in self.named:
            yield from keys_of(on, facts, self.database)

    def _may_make(self, role: str, key: ObjectKey) -> bool:
        return any(role in self.makers.get(place, ()) for place in (EVERYWHERE, key.schema or EVERYWHERE))


def _makers(spec: Spec, target: str) -> FrozenMap[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for _, body in inherited(spec, target):
        if body.owner is not None:
            found.setdefault(EVERYWHERE, set()).add(body.owner)
        for schema, schema_body in body.schemas.items():
            if schema_body.owner is not None:
                found.setdefault(schema, set()).add(schema_body.owner)
        for line in body.default_privileges:
            found.setdefault(line.in_schema or EVERYWHERE, set()).update(line.for_)
    return FrozenMap({place: frozenset(makers) for place, makers in found.items()})


def resources(spec: Spec) -> Iterator[ServerResource]:
    policy = spec.undeclared.attributes
    if policy == "ignore":
        return
    declared = frozenset(role for role, body in spec.roles.items() if body.state == "present")
    powerful = superusers(spec)
    for target in spec.databases:
        # whose the database and its schemas are is said there
        named = [
            line.spec.on
            for line in lines_of(spec, target)
            if line.spec.to and line.spec.on.kind not in ("database", "schema")
        ]
        handed_over = [line.on for _, body in inherited(spec, target) for line in body.ownership]
        if named:
            yield UndeclaredOwner(
                target,
                tuple(dict.fromkeys(named)),
                tuple(handed_over),
                declared,
                powerful,
                _makers(spec, target),
                policy,
            )
