"""What a server holds beyond a spec, read by other queries than pgdeploy's own: a second ruler."""

from __future__ import annotations

from typing import Any, LiteralString

from pgdeploy.layers.server.membership import of
from pgdeploy.model.spec import Spec
from pgdeploy.postgres.privilege import expand
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing

_MEMBERS = "SELECT pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text FROM pg_auth_members"
_SETTINGS = """
SELECT coalesce(d.datname::text, ''), coalesce(r.rolname::text, ''), split_part(unnest(setconfig), '=', 1)
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = setdatabase LEFT JOIN pg_roles r ON r.oid = setrole
"""
_RIGHTS = """
SELECT d.datname::text, r.rolname::text, p.privilege
FROM pg_database d, pg_roles r, unnest(ARRAY['CREATE', 'CONNECT', 'TEMPORARY']) AS p(privilege),
     aclexplode(d.datacl) a
WHERE a.grantee = r.oid AND a.privilege_type = p.privilege AND r.oid <> d.datdba
"""


def extras(spec: Spec, server: Cluster) -> list[str]:
    """Memberships, settings and privileges on databases that the spec does not say of what it declares."""
    return [*_memberships(spec, server), *_settings(spec, server), *_rights(spec, server)]


def _rows(server: Cluster, query: LiteralString) -> list[tuple[Any, ...]]:
    with closing(server.open()) as connection:
        return connection.execute(query).fetchall()


def _memberships(spec: Spec, server: Cluster) -> list[str]:
    declared = {(entry.role, role) for role, body in spec.roles.items() for entry in of(body)}
    known = {(role, member) for role, member in _rows(server, _MEMBERS)}
    ours = {pair for pair in known if set(pair) & set(spec.roles)}
    return [f"{member} in {role}" for role, member in sorted(ours - declared)]


def _settings(spec: Spec, server: Cluster) -> list[str]:
    declared = {("", role, name.lower()) for role, body in spec.roles.items() for name in body.settings}
    declared |= {(db, "", name.lower()) for db, body in spec.databases.items() for name in body.settings}
    for role, one in spec.roles.items():
        declared |= {(db, role, name.lower()) for db, values in one.settings_in.items() for name in values}
    found = [
        (db, role, name)
        for db, role, name in _rows(server, _SETTINGS)
        if role in spec.roles or db in spec.databases
    ]
    of_others = [(db, role, name) for db, role, name in found if role and role not in spec.roles]
    return [str(row) for row in found if (*row[:2], row[2].lower()) not in declared and row not in of_others]


def _rights(spec: Spec, server: Cluster) -> list[str]:
    declared = {
        (database, role, word)
        for database, body in spec.databases.items()
        for line in body.grants
        if line.on.database and line.grant
        for role in line.to or ()
        for word in expand(line.grant, "database", spec.postgres)
    }
    return [str(row) for row in _rows(server, _RIGHTS) if row[0] in spec.databases and row not in declared]
