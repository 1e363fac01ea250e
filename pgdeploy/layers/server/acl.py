"""What ACLs say, for every kind that compares them: objects, their owners and the entries on them.

Read by oid with aclexplode; NULL was replaced by the built-in default, grantee 0 is PUBLIC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from pgdeploy.core.facts import Facts, Query
from pgdeploy.layers.server.rolefact import names_by_oid
from pgdeploy.postgres.parameter import MAJORS
from pgdeploy.postgres.privilege import expand, privileges
from pgdeploy.text.naming import quoted_name


class ObjectKey(NamedTuple):
    """An object that can hold an ACL. `sub` is a column's name, or a routine's argument types."""

    kind: str
    schema: str | None
    name: str
    sub: str | None = None


def shown(key: ObjectKey) -> str:
    """An object as messages show it."""
    place = f"{quoted_name(key.schema)}." if key.schema is not None else ""
    sub = (
        f"({key.sub})"
        if key.sub is not None and key.kind != "column"
        else (f".{quoted_name(key.sub)}" if key.sub else "")
    )
    kind = key.kind.replace("_", " ")
    return f"{kind} {place}{quoted_name(key.name)}{sub}"


def table_of(key: ObjectKey) -> ObjectKey:
    """What has an owner and an oid: a column's table, else the object itself."""
    return key._replace(kind="table", sub=None) if key.kind == "column" else key


class AclFact(NamedTuple):
    """One object and what one grantor gave one grantee on it; grantee None: nobody has anything.

    `oid` is the object's own, 0 where only the plan knows of it.
    """

    kind: str
    schema: str | None
    name: str
    sub: str | None
    owner: int
    member: bool
    linked: bool
    grantee: int | None
    grantor: int | None
    plain: str | None
    grantable: str | None
    initial: str | None
    oid: int


class Entry(NamedTuple):
    """Privileges that one grantor gave: without and with grant option."""

    grantor: str
    plain: frozenset[str]
    grantable: frozenset[str]

    @property
    def privileges(self) -> frozenset[str]:
        return self.plain | self.grantable


Acls = Mapping[ObjectKey, Mapping[str, list[Entry]]]

SHARED_ACLS = Query("shared_acls", AclFact._make, variants=(15,))
ACLS = Query("acls", AclFact._make, in_database=True, scoped=True)
QUERIES = (SHARED_ACLS, ACLS)

_BUILTIN = {
    "database": frozenset({"CONNECT", "TEMPORARY"}),
    "function": frozenset({"EXECUTE"}),
    "procedure": frozenset({"EXECUTE"}),
    "language": frozenset({"USAGE"}),
    "type": frozenset({"USAGE"}),
}
_NOTHING: frozenset[str] = frozenset()

SYSTEM = ("pg_catalog", "information_schema")
"""Schemas that initdb makes; of what stands in them only what the spec names is read whole."""

_NOT_PUBLIC = ("sql_parts", "transforms")
"""Of information_schema what PUBLIC may not read, beside its helpers, which are called _pg_..."""


@cache
def split(privileges: str | None) -> frozenset[str]:
    """Privileges as SQL joined them: the same few sets come a thousand times."""
    return frozenset(privileges.split(",")) if privileges else _NOTHING


@cache
def meant(words: tuple[str, ...], kind: str, major: int) -> frozenset[str]:
    """Privileges of a line on this server: ALL is what it has, and what it does not know yet is left out."""
    return expand(words, kind, MAJORS[-1]) & privileges(kind, major)


def rows(facts: Facts, database: str | None) -> tuple[AclFact, ...]:
    """The ACL rows of a database, or with None of what all databases share."""
    return facts.rows(SHARED_ACLS) if database is None else facts.rows(ACLS, database)


def acls(facts: Facts, database: str | None) -> Acls:
    """Entries by object and grantee."""
    names = facts.once(names_by_oid)
    found: dict[ObjectKey, dict[str, list[Entry]]] = {}
    last: tuple[object, ...] = ()
    entries: dict[str, list[Entry]] = {}
    for row in rows(facts, database):
        if row[:4] != last:
            last = row[:4]
            entries = found.setdefault(ObjectKey._make(last), {})
        if row.grantee is not None:
            entry = Entry(names.get(row.grantor or 0, ""), split(row.plain), split(row.grantable))
            entries.setdefault(names.get(row.grantee) or str(row.grantee), []).append(entry)
    return found


def holds(facts: Facts, database: str | None, key: ObjectKey, roles: Iterable[str], privilege: str) -> bool:
    """Whether one of these roles, or PUBLIC, was given a privilege on an object."""
    entries = facts.once(acls, database).get(key, {})
    return any(
        privilege in entry.privileges for role in (*roles, "PUBLIC") for entry in entries.get(role, ())
    )


def owners(facts: Facts, database: str | None) -> Mapping[ObjectKey, str]:
    """Who owns each object."""
    names = facts.once(names_by_oid)
    return {ObjectKey._make(row[:4]): names.get(row.owner, "") for row in rows(facts, database)}


def oids(facts: Facts, database: str) -> Mapping[ObjectKey, int]:
    """What the server knows each object by, whatever it is called."""
    return {ObjectKey._make(row[:4]): row.oid for row in rows(facts, database)}


def free_standing(facts: Facts, database: str) -> frozenset[ObjectKey]:
    """Objects whose owner is theirs to have: no part of an extension, no sequence of a column."""
    return frozenset(
        ObjectKey._make(row[:4]) for row in rows(facts, database) if not (row.member or row.linked)
    )


def in_schema(facts: Facts, database: str) -> Mapping[tuple[str, str], list[ObjectKey]]:
    """Objects by kind and schema."""
    found: dict[tuple[str, str], list[ObjectKey]] = {}
    for key in facts.once(acls, database):
        if key.schema is not None and key.kind != "column":
            found.setdefault((key.kind, key.schema), []).append(key)
    return found


def builtin(facts: Facts, database: str | None, key: ObjectKey, grantee: str) -> frozenset[str]:
    """What a grantee has on an object without anybody's doing."""
    given = _BUILTIN.get(key.kind, _NOTHING) | _by_initdb(key) if grantee == "PUBLIC" else _NOTHING
    return given | facts.once(_initial, database).get((key, grantee), _NOTHING)


def _by_initdb(key: ObjectKey) -> frozenset[str]:
    """What PUBLIC has in information_schema, of which pg_init_privs knows nothing."""
    if key == ObjectKey("schema", None, "information_schema"):
        return frozenset({"USAGE"})
    hidden = key.name in _NOT_PUBLIC or key.name.startswith("_pg_")
    readable = key.kind == "table" and key.schema == "information_schema" and not hidden
    return frozenset({"SELECT"}) if readable else _NOTHING


def _initial(facts: Facts, database: str | None) -> Mapping[tuple[ObjectKey, str], frozenset[str]]:
    names = facts.once(names_by_oid)
    return {
        (ObjectKey._make(row[:4]), names.get(row.grantee or 0, "")): split(row.initial)
        for row in rows(facts, database)
        if row.initial
    }
