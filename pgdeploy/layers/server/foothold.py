"""What a plan must not take from the login that makes it: with it the rest could be neither made nor proved.

Such a drift stays, with the reason; another login can remove it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pgdeploy.layers.server import acl
from pgdeploy.layers.server.database import Database
from pgdeploy.layers.server.grant import Grants
from pgdeploy.layers.server.membership import ours
from pgdeploy.layers.server.role import Role
from pgdeploy.layers.server.role_dropping import AbsentRole
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.server.acl import ObjectKey
    from pgdeploy.layers.server.resource import ServerResource
    from pgdeploy.model.role import RoleSpec

_CONNECT = "CONNECT"

_Holding = tuple[str, str]
"""Who holds CONNECT, and from which grantor."""


def held_back(resource: ServerResource, drifts: Sequence[Finding], facts: Facts) -> Mapping[str, str]:
    """Of these drifts those that this user must not remove, by check id, and why. `facts` as for the changes."""
    me = facts.about.user
    if isinstance(resource, Role | AbsentRole) and resource.role == me:
        return {
            drift.check.id: f"{quoted_name(me)} makes this plan, and would lose {lost} by it: apply as another login"
            for drift in drifts
            if (lost := _loses(resource, drift.check.field, facts))
        }
    if isinstance(resource, Database) and not facts.about.superuser:
        return {
            drift.check.id: _NO_CONNECTION.format(quoted_name(me))
            for drift in drifts
            if _is_full(resource, drift)
        }
    if isinstance(resource, Grants) and resource.database is not None and not facts.about.superuser:
        return _shutting(resource, resource.database, drifts, facts)
    return {}


_NO_CONNECTION = "{} makes this plan, and could not connect to it any more: apply as a superuser"


def _is_full(database: Database, drift: Finding) -> bool:
    """A limit of 0 is for all but superusers."""
    return drift.check.field == "connection_limit" and database.spec.connection_limit == 0


def _loses(resource: Role | AbsentRole, field: str, facts: Facts) -> str:
    """What we lose when this drift of our own role is removed; empty for nothing that a plan needs."""
    if isinstance(resource, AbsentRole):
        return "its role"
    always = ("login", "superuser")
    needed = always if facts.about.superuser else (*always, "createrole", "createdb", "inherit")
    if field in needed:
        return "" if getattr(resource.spec, field) else field.upper()
    return _ends(resource.spec, field, superuser=facts.about.superuser)


def _ends(spec: RoleSpec, field: str, *, superuser: bool) -> str:
    if field == "connection_limit" and spec.connection_limit == 0 and not superuser:
        return "all its connections"
    return "its password" if field == "valid_until" and spec.has_ended else ""


def _shutting(grants: Grants, database: str, drifts: Sequence[Finding], facts: Facts) -> Mapping[str, str]:
    """Drifts that together take the last CONNECT of ours on a database."""
    me, key = facts.about.user, acl.ObjectKey("database", None, database)
    roles = facts.once(ours)
    if any(line.lets_in(roles, facts.about.major) for line in grants.lines):
        return {}
    entries = facts.once(acl.acls, None).get(key, {})
    held = {
        (role, entry.grantor)
        for role in roles & entries.keys()
        for entry in entries[role]
        if _CONNECT in entry.privileges
    }
    taken = {drift.check.id: set(_taken(grants, drift, key, facts)) & held for drift in drifts}
    if not held or held - set().union(*taken.values()):
        return {}
    why = (
        f"{quoted_name(me)} makes this plan, and would lose CONNECT on {quoted_name(database)} by it: nothing in "
        f"it could be read any more; give it to {quoted_name(me)} by a line of grants, or apply as another login"
    )
    return {cause: why for cause, lost in taken.items() if lost}


def _taken(grants: Grants, drift: Finding, key: ObjectKey, facts: Facts) -> Iterator[_Holding]:
    for taken, role, entry in grants.takes(facts, drift.check):
        if taken == key and _CONNECT in entry.plain:
            yield role, entry.grantor
