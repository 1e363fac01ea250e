"""Facts as they will be: a plan compares what it makes late as if what it makes early were there already.

A database that is still absent is compared as the copy of its template that it will be. Privileges are
compared on schemas that are still to be made and under owners that are still to be set, because a new
owner takes the old one's place in an object's ACL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.core.facts import COPIED, Facts, Rows
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import acl, default_privilege, exact, extension, grant, schema
from pgdeploy.layers.server.acl import AclFact, ObjectKey, table_of
from pgdeploy.layers.server.database import Database, databases
from pgdeploy.layers.server.default_privilege import DEFAULT_PRIVILEGES, Given, Scope
from pgdeploy.layers.server.grantchain import Along
from pgdeploy.layers.server.membership import MEMBERSHIPS, lost, of
from pgdeploy.layers.server.named import NAMED
from pgdeploy.layers.server.object import keys_of
from pgdeploy.layers.server.ownership import Ownership
from pgdeploy.layers.server.role_dropping import leaving
from pgdeploy.layers.server.rolefact import ROLES, RoleFact, names_by_oid, roles
from pgdeploy.layers.server.row_security import ROW_SECURITY
from pgdeploy.layers.server.tablespace import Tablespace
from pgdeploy.model.inheritance import template_depth
from pgdeploy.model.ownership import OwnershipSpec
from pgdeploy.postgres.privilege import privileges

if TYPE_CHECKING:
    from pgdeploy.core.check import Check
    from pgdeploy.layers.server.resource import ServerResource
    from pgdeploy.model.spec import Spec

Owners = Mapping[ObjectKey, str]
"""Who will own each object that changes hands."""


class ProjectedFacts(NamedTuple):
    """The facts for each part of a plan."""

    now: Facts
    staying: Facts
    """Without the memberships that go as their grantor will be dropped, or will lose ADMIN OPTION."""
    made: Facts
    """The databases and roles of the spec are there."""
    with_schemas: Facts
    """Their schemas, too, and both have their owners."""
    with_owners: Facts
    """So have the objects in them."""
    kept: Facts
    """Without the privileges that go along with others that the plan takes away."""

    def for_kind(self, kind: str) -> Facts:
        match kind:
            case "membership":
                return self.staying
            case "schema" | "extension":
                return self.made
            case "ownership":
                return self.with_schemas
            case "default_privilege" | "row_security" | "publication" | "event_trigger" | "foreign_server":
                return self.with_owners
            case "grant":
                return self.kept
        return self.now


def project(
    spec: Spec, resources: Sequence[ServerResource], facts: Facts, given_up: Collection[str] = ()
) -> ProjectedFacts:
    """What each part of the plan will find. `given_up` are checks that it cannot mend, as whoever plans may not."""
    return _Projection(spec, resources, facts, given_up).projected()


class _Projection:
    def __init__(
        self, spec: Spec, resources: Sequence[ServerResource], facts: Facts, given_up: Collection[str]
    ) -> None:
        self._spec = spec
        self._facts = facts
        self._given_up = given_up
        self._grants = [resource for resource in resources if isinstance(resource, grant.Grants)]
        self._defaults = [one for one in resources if isinstance(one, default_privilege.DefaultPrivileges)]
        self._left: dict[str, Rows] = {}
        """What copies get of a template, by its name."""
        self._databases = [one for one in resources if isinstance(one, Database) and self._moves(one)]
        self._tablespaces = [one for one in resources if isinstance(one, Tablespace) and self._moves(one)]
        self._ownership: dict[str, list[OwnershipSpec]] = {}
        self._schemas: dict[str, list[schema.Schema]] = {}
        for one in resources:
            if isinstance(one, schema.Schema):
                self._schemas.setdefault(one.database, []).append(one)
            elif isinstance(one, Ownership) and self._moves(one):
                self._ownership.setdefault(one.database, []).append(one.spec)
        known = facts.once(roles)
        # those that others keep are counted as made, too: what names one waits for it
        absent = [role for role, body in spec.roles.items() if role not in known and body.state != "absent"]
        # made-up oids, as names stand behind oids everywhere
        self._absent = [_role(-2 - index, role) for index, role in enumerate(absent)]
        self._oids = {role.name: role.oid for role in (*known.values(), *self._absent)}

    def projected(self) -> ProjectedFacts:
        made: dict[str, Rows] = {}
        with_schemas: dict[str, Rows] = {}
        with_owners: dict[str, Rows] = {}
        for database in sorted(self._spec.databases, key=lambda name: template_depth(self._spec, name)):
            before = self._facts.rows_of_databases.get(database)
            made[database] = (
                dict(self._copy(database, with_owners)) if database in self._new else dict(before or {})
            )
            with_schemas[database] = self._with_schemas(database, made[database])
            with_owners[database] = self._with_owners(database, with_schemas[database])
        there = self._facts
        if self._absent or self._new:
            shared: dict[str, Sequence[Any]] = {
                ROLES.name: self._absent,
                acl.SHARED_ACLS.name: [row for name in sorted(self._new) for row in self._fresh(name)],
            }
            there = there.assuming(made, shared)
        later = self._moved_shared(there)
        moved = _with(later, with_owners)
        return ProjectedFacts(
            self._facts, self._staying(), there, _with(later, with_schemas), moved, self._granted(moved)
        )

    @cached_property
    def _new(self) -> frozenset[str]:
        return frozenset(self._spec.databases) - self._facts.once(databases).keys()

    @cached_property
    def _leaving(self) -> frozenset[str]:
        """Roles that the plan will drop."""
        return leaving(self._spec).names(self._facts)

    def _moves(self, resource: ServerResource) -> bool:
        """Whether the plan gives it the owner that it shall have."""
        return self._mends(resource, lambda check: check.field in ("owner", exact.FIELD))

    def _mends(self, resource: ServerResource, about: Callable[[Check], bool]) -> bool:
        return not self._given_up or not any(
            check.id in self._given_up for check in resource.checks() if about(check)
        )

    def _staying(self) -> Facts:
        spec, rows = self._spec, self._facts.rows_of_server[MEMBERSHIPS.name]
        if isinstance(rows, Unreadable):
            return self._facts
        declared = {(entry.role, role) for role, body in spec.roles.items() for entry in of(body)}
        gone = lost(spec, self._facts, self._given_up)
        kept = tuple(
            row
            for row in rows
            if (row.role, row.member) not in declared or not (row.grantor in self._leaving or row in gone)
        )
        if len(kept) == len(rows):
            return self._facts
        return replace(
            self._facts, rows_of_server={**self._facts.rows_of_server, MEMBERSHIPS.name: kept}, _memo={}
        )

    def _granted(self, facts: Facts) -> Facts:
        gone: dict[str | None, Along] = {}
        for grants in self._grants:
            with suppress(Unreadable):
                for source, lost in grants.lost(facts, self._leaving).items():
                    gone.setdefault(source, {}).update(lost)
        if not gone:
            return facts
        names = facts.once(names_by_oid)
        left = {
            source: tuple(_without(acl.rows(facts, source), lost, names)) for source, lost in gone.items()
        }
        databases = {
            database: {**facts.rows_of_databases[database], acl.ACLS.name: rows}
            for database, rows in left.items()
            if database is not None
        }
        shared = left.get(None, facts.rows_of_server[acl.SHARED_ACLS.name])
        return replace(
            facts,
            rows_of_server={**facts.rows_of_server, acl.SHARED_ACLS.name: shared},
            rows_of_databases={**facts.rows_of_databases, **databases},
            _memo={},
        )

    # -- databases ---------------------------------------------------------------------------------

    def _copy(self, database: str, finished: Mapping[str, Rows]) -> Rows:
        """What a new database holds: the rows of its template."""
        template = Database(database, self._spec.databases[database]).template or COPIED
        found = finished.get(template) or self._facts.rows_of_databases.get(template)
        if found is not None:
            if template not in self._left:
                self._left[template] = self._swept(template, found)
            return self._left[template]
        copied = self._facts.rows_of_databases.get(COPIED, {})
        return dict(_pristine(copied)) if template == "template0" else copied

    def _swept(self, template: str, rows: Rows) -> Rows:
        """What a copy gets of it: the template's own plan comes first, and takes what no line of its says."""
        if not _readable(rows):
            return rows
        rows = self._without_unmade(template, rows)
        facts = self._alone(template, rows)
        names = facts.once(names_by_oid)
        for one in self._grants:
            if one.database == template and self._sweeps(one) and (gone := one.swept(facts)):
                rows = {**rows, acl.ACLS.name: tuple(_without(acl.rows(facts, template), gone, names))}
        for other in self._defaults:
            if other.database == template and self._sweeps(other):
                rows = {**rows, DEFAULT_PRIVILEGES.name: tuple(other.swept(facts))}
        return rows

    def _without_unmade(self, template: str, rows: Rows) -> Rows:
        """Without the schemas that are not there, and that its own plan may not make."""
        there = self._facts.rows_of_databases.get(template, {})
        known = self._facts.once(schema.owners, template) if _readable(there) else {}
        schemas = [one for one in self._schemas.get(template, []) if one.schema not in known]
        gone = {one.schema for one in schemas if not self._mends(one, lambda check: check.field == "exists")}
        if not gone:
            return rows
        known_rows = acl.rows(self._alone(template, rows), template)
        kept = tuple(row for row in known_rows if not (row.kind == "schema" and row.name in gone))
        return {**rows, acl.ACLS.name: kept}

    def _sweeps(self, resource: ServerResource) -> bool:
        """Whether the plan takes what no line says."""
        return self._mends(resource, lambda check: check.aspect == "undeclared")

    def _fresh(self, database: str) -> Iterator[AclFact]:
        """What PUBLIC and its owner have on every new database."""
        owner = self._oid(self._spec.databases[database].owner)
        for grantee, words in ((0, ("CONNECT", "TEMPORARY")), (owner, ("CREATE", "CONNECT", "TEMPORARY"))):
            yield _entry(ObjectKey("database", None, database), owner, grantee, words)

    def _moved_shared(self, facts: Facts) -> Facts:
        """With the owners that databases and tablespaces get."""
        actual = facts.once(acl.owners, None)
        desired = {
            ObjectKey("database", None, one.database): one.owner_after(self._facts) for one in self._databases
        }
        desired |= {
            ObjectKey("tablespace", None, one.tablespace): one.spec.owner for one in self._tablespaces
        }
        moved = {key: owner for key, owner in desired.items() if owner and actual.get(key, owner) != owner}
        if not moved:
            return facts
        rows = {
            **facts.rows_of_server,
            acl.SHARED_ACLS.name: tuple(self._reowned(acl.rows(facts, None), moved)),
        }
        return replace(facts, rows_of_server=rows, _memo={})

    # -- schemas and what is in them ---------------------------------------------------------------

    def _with_schemas(self, database: str, rows: Rows) -> Rows:
        facts = self._alone(database, rows)
        schemas = self._schemas.get(database, [])
        if not schemas or not _readable(rows):
            return rows
        desired = {one.schema: one.owner_after(facts) if self._moves(one) else None for one in schemas}
        actual = facts.once(schema.owners, database)
        moved = {
            ObjectKey("schema", None, name): owner
            for name, owner in desired.items()
            if owner is not None and name in actual and actual[name] != owner
        }
        new = [name for name in desired if name not in actual]
        fresh = [row for name in new for row in self._new_schema(facts, database, name, desired[name])]
        return self._changed(rows, moved, fresh)

    def _new_schema(self, facts: Facts, database: str, name: str, owner: str | None) -> Iterator[AclFact]:
        """A schema as it is made: what its owner has, and what the owner's default privileges give."""
        key, oid, maker = ObjectKey("schema", None, name), self._oid(owner), owner or facts.about.user
        usual = {maker: Given(privileges("schema", facts.about.major), frozenset())}
        known = facts.once(default_privilege.entries, database)
        for role, given in known.get(Scope(maker, None, "schema"), usual).items():
            plain = given.privileges - given.grantable
            yield _entry(key, oid, self._oid(role), plain, given.grantable)

    def _with_owners(self, database: str, rows: Rows) -> Rows:
        """With the owners of objects that `ownership:` names."""
        lines = self._ownership.get(database, [])
        if not lines or not _readable(rows):
            return rows
        facts = self._alone(database, rows)
        actual, free = facts.once(acl.owners, database), facts.once(acl.free_standing, database)
        moved: dict[ObjectKey, str] = {}
        for line in lines:
            for key in keys_of(line.on, facts, database):
                if key in actual and actual[key] != line.owner and (key in free or not line.on.all):
                    moved[key] = line.owner
        return self._changed(rows, moved, [])

    def _alone(self, database: str, rows: Rows) -> Facts:
        return self._facts.assuming({database: rows}, {ROLES.name: self._absent})

    def _changed(self, rows: Rows, moved: Owners, new: Sequence[AclFact]) -> Rows:
        if not moved and not new:
            return rows
        known = rows[acl.ACLS.name]
        if isinstance(known, Unreadable):
            return rows
        return {**rows, acl.ACLS.name: (*self._reowned(known, moved), *new)}

    def _reowned(self, rows: Sequence[AclFact], moved: Owners) -> Iterator[AclFact]:
        """The server's own rule: the new owner stands wherever the old one stood; what falls together is one."""
        merged: dict[tuple[ObjectKey, int | None, int | None], AclFact] = {}
        for row in rows:
            key = ObjectKey._make(row[:4])
            owner = moved.get(table_of(key))
            if owner is None:
                yield row
                continue
            new = self._oid(owner)
            grantee, grantor = (new if oid == row.owner else oid for oid in (row.grantee, row.grantor))
            moved_row = row._replace(owner=new, grantee=grantee, grantor=grantor)
            same = (key, grantee, grantor)
            merged[same] = _merged(merged[same], moved_row) if same in merged else moved_row
        yield from sorted(merged.values(), key=lambda row: tuple(map(str, row[:4])))

    def _oid(self, role: str | None) -> int:
        """Without a name it is who makes the plan's statements."""
        return 0 if role == "PUBLIC" else self._oids.get(role or self._facts.about.user, -1)


def _without(rows: Iterable[AclFact], lost: Along, names: Mapping[int, str]) -> Iterator[AclFact]:
    for row in rows:
        who = names.get(row.grantee or 0, ""), names.get(row.grantor or 0, "")
        words = lost.get((ObjectKey._make(row[:4]), *who)) if row.grantee is not None else None
        if words is None:
            yield row
            continue
        plain, grantable = acl.split(row.plain) - words, acl.split(row.grantable) - words
        if plain or grantable:
            yield row._replace(plain=_joined(plain), grantable=_joined(grantable))
        else:
            yield row._replace(grantee=None, grantor=None, plain=None, grantable=None, initial=None)


def _joined(words: Iterable[str]) -> str | None:
    return ",".join(sorted(words)) or None


def _with(facts: Facts, rows: Mapping[str, Rows]) -> Facts:
    """These facts where nothing differs, as what was computed from them stays with them."""
    same = all(facts.rows_of_databases.get(name, {}) == known for name, known in rows.items())
    return facts if same else facts.assuming(rows, {})


def _role(oid: int, name: str) -> RoleFact:
    return RoleFact(oid, name, False, True, False, False, False, False, False, -1, None)


def _entry(
    key: ObjectKey, owner: int, grantee: int, plain: Iterable[str], grantable: Iterable[str] = ()
) -> AclFact:
    return AclFact(*key, owner, False, False, grantee, owner, _joined(plain), _joined(grantable), None, 0)


def _merged(one: AclFact, other: AclFact) -> AclFact:
    grantable = acl.split(one.grantable) | acl.split(other.grantable)
    plain = (acl.split(one.plain) | acl.split(other.plain)) - grantable
    return one._replace(plain=_joined(plain), grantable=_joined(grantable))


def _readable(rows: Rows) -> bool:
    return not any(
        isinstance(rows.get(name), Unreadable | None) for name in (acl.ACLS.name, DEFAULT_PRIVILEGES.name)
    )


def _pristine(copied: Rows) -> Iterator[tuple[str, tuple[Any, ...] | Unreadable]]:
    """template0 lets nobody in to look: it is template1 without what somebody put there."""
    for query, rows in copied.items():
        if isinstance(rows, Unreadable):
            yield query, rows
        elif query == extension.EXTENSIONS.name:
            yield query, tuple(row for row in rows if row.name == "plpgsql")
        elif query in (DEFAULT_PRIVILEGES.name, ROW_SECURITY.name, NAMED.name):
            yield query, ()
        elif query == acl.ACLS.name:
            given = {("language", "sql"), ("language", "plpgsql"), ("schema", "public")}
            yield query, tuple(_as_made(row) for row in rows if (row.kind, row.name) in given)
        else:
            yield query, rows


def _as_made(row: AclFact) -> AclFact:
    return row._replace(plain=row.initial, grantable=None) if row.initial else row
