"""What a role may do on an object by anything that the spec says: so that what is left must be refused.

The ways: a line of the spec, default privileges that reached the object when it was made, what is built in,
and ownership; each for the role itself, for PUBLIC, and for the roles whose privileges it inherits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import ObjectKey, table_of
from pgdeploy.layers.server.grant_line import Line
from pgdeploy.layers.server.membership import OPTIONS_SINCE, of
from pgdeploy.layers.server.probes.act import PUBLIC
from pgdeploy.layers.server.probes.question import OPTION
from pgdeploy.layers.server.rolefact import DATABASE_OWNER
from pgdeploy.model import inheritance
from pgdeploy.postgres.privilege import privileges

if TYPE_CHECKING:
    from pgdeploy.model.role import MembershipSpec, RoleSpec
    from pgdeploy.model.spec import Spec

_NOTHING: frozenset[str] = frozenset()
_SHARED = ("database", "tablespace", "parameter")

_READ = {"table": {"SELECT"}, "column": {"SELECT"}, "sequence": {"SELECT"}, "schema": {"USAGE"}}
_WRITE = {
    "table": {"INSERT", "UPDATE", "DELETE"},
    "column": {"INSERT", "UPDATE"},
    "sequence": {"UPDATE"},
    "schema": {"USAGE"},
}
_PREDEFINED: Mapping[str, Mapping[str, set[str]]] = {
    "pg_read_all_data": _READ,
    "pg_write_all_data": _WRITE,
    "pg_maintain": {"table": {"MAINTAIN"}},
}
"""What members of PostgreSQL's own roles may do without an entry in any ACL."""


@dataclass(frozen=True, slots=True, eq=False)
class Allowance:
    """What the spec allows in one database (None: on what all databases share)."""

    database: str | None
    lines: tuple[Line, ...]
    inherits: Mapping[str, frozenset[str]]
    """For each declared role: itself and every role whose privileges it has through memberships."""
    defaults: Mapping[tuple[str, str | None, str], frozenset[str]]
    """Words of declared default privileges, by kind, schema (None: any) and grantee; some WITH GRANT OPTION."""

    def everything(self, facts: Facts, key: ObjectKey, role: str) -> frozenset[str]:
        """All that could be allowed on an object; nobody can give PUBLIC a grant option."""
        plain = privileges(key.kind, facts.about.major)
        return plain if role == PUBLIC else plain | {word + OPTION for word in plain}

    def of(self, facts: Facts, role: str, key: ObjectKey, owner: str) -> frozenset[str]:
        """What the role may do on this object; everything, when it owns it."""
        holders = self._holders(facts, role)
        if owner in holders:
            return self.everything(facts, key, role)
        found: set[str] = set()
        for holder in holders:
            found |= self._of_holder(facts, holder, key)
            if key.kind == "column":
                found |= self._of_holder(facts, holder, table_of(key))
        return frozenset(found)

    def _holders(self, facts: Facts, role: str) -> frozenset[str]:
        own = self.inherits.get(role, frozenset({role})) | {PUBLIC}
        if self.database is not None and facts.once(_database_owner, self.database) in own:
            own |= {DATABASE_OWNER}
        return own

    def _of_holder(self, facts: Facts, holder: str, key: ObjectKey) -> frozenset[str]:
        source = None if key.kind in _SHARED else self.database
        found = set(acl.builtin(facts, source, key, holder))
        found -= facts.once(_revoked, self).get((key, holder), _NOTHING)
        found |= facts.once(_granted, self).get((key, holder), _NOTHING)
        kind = "function" if key.kind == "procedure" else key.kind
        for schema in {key.schema, None}:
            found |= self.defaults.get((kind, schema, holder), _NOTHING)
        if holder.startswith("pg_"):
            found |= _PREDEFINED.get(holder, {}).get(key.kind, set())
            for entry in facts.once(acl.acls, source).get(key, {}).get(holder, ()):
                found |= entry.privileges
        return frozenset(found)


def _database_owner(facts: Facts, name: str) -> str:
    return facts.once(acl.owners, None).get(ObjectKey("database", None, name), "")


def words_of(line: Line, major: int) -> frozenset[str]:
    """The privileges of a line; WITH GRANT OPTION stands beside each when the line says so."""
    plain = line.privileges(major)
    return plain | {word + OPTION for word in plain} if line.spec.grant_option else plain


def _granted(facts: Facts, allowance: Allowance) -> Mapping[tuple[ObjectKey, str], frozenset[str]]:
    return _words_by_holder(facts, (line for line in allowance.lines if line.spec.to is not None))


def _revoked(facts: Facts, allowance: Allowance) -> Mapping[tuple[ObjectKey, str], frozenset[str]]:
    return _words_by_holder(facts, (line for line in allowance.lines if line.spec.to is None))


def _words_by_holder(facts: Facts, lines: Iterable[Line]) -> Mapping[tuple[ObjectKey, str], frozenset[str]]:
    found: dict[tuple[ObjectKey, str], frozenset[str]] = {}
    for line in lines:
        words = words_of(line, facts.about.major)
        for key in line.keys_in(facts):
            for role in line.spec.roles:
                found[key, role] = found.get((key, role), _NOTHING) | words
    return found


# -- from the spec -------------------------------------------------------------------------------------


def allowance(spec: Spec, target: str | None, lines: tuple[Line, ...]) -> Allowance:
    inherits = {role: inherited(spec, role) for role, body in spec.roles.items() if body.state == "present"}
    return Allowance(target, lines, inherits, _defaults(spec, target) if target is not None else {})


def inherited(spec: Spec, role: str) -> frozenset[str]:
    """Itself and its memberships, and theirs. One that is not said to inherit may still do so."""
    found: set[str] = set()
    unvisited = [role]
    while unvisited:
        current = unvisited.pop()
        body = spec.roles.get(current)
        if current not in found and body is not None:
            unvisited += [entry.role for entry in of(body) if _inherits(spec, body, entry)]
        found.add(current)
    return frozenset(found)


def _inherits(spec: Spec, role: RoleSpec, entry: MembershipSpec) -> bool:
    """From 16 each membership has an option of its own; before, and where it is not said, the role decides."""
    if entry.inherit is not None and spec.postgres >= OPTIONS_SINCE:
        return entry.inherit
    return role.inherit is not False


def _defaults(spec: Spec, target: str) -> Mapping[tuple[str, str | None, str], frozenset[str]]:
    found: dict[tuple[str, str | None, str], frozenset[str]] = {}
    for _, body in inheritance.inherited(spec, target):
        for line in body.default_privileges:
            words = acl.meant(line.grant or (), line.kind, spec.postgres)
            words |= {word + OPTION for word in words} if line.grant_option else _NOTHING
            for role in line.to or ():
                key = (line.kind, line.in_schema, role)
                found[key] = found.get(key, _NOTHING) | words
    return found
