"""What the catalogue alone says of a login: some facts refuse it whatever the way in, so nothing need be tried.

We may come by the server's socket where applications come by TCP; these facts keep both out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.database import databases
from pgdeploy.layers.server.grant_line import lines_of
from pgdeploy.layers.server.login.connectable import may_connect
from pgdeploy.layers.server.probes.allowance import Allowance, allowance
from pgdeploy.layers.server.rolefact import RoleFact, names_by_oid, roles
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdeploy.model.role import RoleSpec
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """A database in which the spec gives a role something, and what it says of privileges on the database itself."""

    database: str
    limit: int | None
    allowance: Allowance

    def is_meant_for(self, facts: Facts, role: str) -> bool:
        """Whether the spec lets the role in."""
        owner = facts.once(names_by_oid).get(facts.once(databases)[self.database].owner, "")
        key = ObjectKey("database", None, self.database)
        return self.limit != 0 and "CONNECT" in self.allowance.of(facts, role, key, owner)


def as_asked(spec: RoleSpec, fact: RoleFact) -> str:
    """Why the role cannot log in, as the spec itself wants it; empty when it can."""
    if spec.connection_limit == 0 and fact.connection_limit == 0 and not fact.superuser:
        return "the spec gives it no connection: connection_limit: 0"
    if spec.has_ended and fact.has_ended:
        return f"the spec ended its password: valid_until: {spec.valid_until}"
    return ""


def lockouts(facts: Facts, role: str, rooms: tuple[Room, ...]) -> Iterator[str]:
    """All that refuses the role's login by a password.

    Raises:
        Shut: a database that it is meant to enter lets nobody in.
    """
    fact = facts.once(roles)[role]
    if not fact.login:
        yield "it has no LOGIN"
    if fact.has_ended:
        yield f"its password ended on {fact.end}"
    if fact.connection_limit == 0 and not fact.superuser:
        yield "its connection limit is 0"
    for room in rooms:
        if room.database in facts.closed and room.database in facts.shut:
            raise facts.shut[room.database]
        if not fact.superuser and room.database in facts.once(databases):
            yield from _kept_out_of(room, facts, role)


def _kept_out_of(room: Room, facts: Facts, role: str) -> Iterator[str]:
    if not room.is_meant_for(facts, role):
        return
    if facts.once(databases)[room.database].connection_limit == 0:
        yield f"the connection limit of {quoted_name(room.database)} is 0"
    elif room.database not in facts.once(may_connect).get(role, ()):
        yield f"it has no CONNECT on {quoted_name(room.database)}"


def rooms(spec: Spec) -> Mapping[str, tuple[Room, ...]]:
    """By role, the databases in which the spec gives something to it or to a role that it inherits from."""
    found: dict[str, list[Room]] = {role: [] for role in spec.roles}
    for database, body in spec.databases.items():
        lines = tuple(lines_of(spec, database))
        about = tuple(line for line in lines if line.spec.on.database)
        room = Room(database, body.connection_limit, allowance(spec, database, about))
        given = {role for line in lines for role in line.spec.to or ()} | {body.owner}
        if body.allow_connections is not False:
            for role, holders in room.allowance.inherits.items():
                if not given.isdisjoint(holders):
                    found[role].append(room)
    return {role: tuple(listed) for role, listed in found.items()}
