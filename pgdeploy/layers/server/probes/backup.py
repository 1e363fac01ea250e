"""Probe of a role for backups: it can read every table in every declared database, as pg_dump will want to.

Default privileges reach only what their own creator makes, and row level security stops a dump: so the
objects that are there are asked about, whoever made them. One table is also locked as the role, as pg_dump does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.database import databases
from pgdeploy.layers.server.login.session import session
from pgdeploy.layers.server.probes.act import REFUSED, become, lock
from pgdeploy.layers.server.probes.script import Script, run
from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.spec import Spec

_MAY = """
SELECT pg_catalog.has_database_privilege(%s::pg_catalog.name, pg_catalog.current_database(), 'CONNECT'),
       pg_catalog.pg_has_role(current_user, %s::pg_catalog.name, %s)
"""


class Relation(NamedTuple):
    """A relation with data, or a large object that cannot be read; `reason`: why the role could not read it."""

    schema: str
    name: str
    kind: str
    reason: str | None

    @property
    def lockable(self) -> bool:
        return self.kind in ("r", "p")

    @property
    def shown(self) -> str:
        if self.kind == "L":
            return f"large object {self.name}"
        kind = {"S": "sequence", "m": "materialized view"}.get(self.kind, "table")
        return f"{kind} {quoted_name(self.schema)}.{quoted_name(self.name)}"


@dataclass(frozen=True, slots=True, eq=False)
class BackupProbe(ServerResource):
    """One role with `purpose: backup`."""

    kind: ClassVar[str] = "role"
    role: str
    databases: tuple[str, ...]

    def checks(self) -> Iterator[Check]:
        address = f"role[{quoted_name(self.role)}]"
        yield Check(
            self, address, "reads_everything", ("roles", self.role, "purpose"), self._compare, "probe"
        )

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return absent(self.role, facts)

    def _compare(self, facts: Facts) -> Outcome:
        if shut := next((database for database in self.databases if database in facts.shut), None):
            raise facts.shut[shut]
        known = facts.once(databases)
        there = [
            database for database in self.databases if database in known and known[database].allow_connections
        ]
        if not there:
            raise Inapplicable("none of the declared databases is there and lets anybody in")
        by_database = {database: _unreadable(facts, self.role, database) for database in there}
        unreadable = [
            f"{quoted_name(database)}: {what}" for database, found in by_database.items() for what in found
        ]
        desired = f"reads every table in {listing(map(quoted_name, there))}"
        return Outcome(
            not unreadable, desired, f"cannot read {listing(unreadable)}" if unreadable else desired
        )


def _unreadable(facts: Facts, role: str, database: str) -> list[str]:
    """What a dump of this database by this role would stop at."""
    option = "SET" if facts.about.major >= 16 else "MEMBER"
    with session(facts, database) as connection:
        may_connect, may_be = connection.execute(_MAY, [role, role, option]).fetchone()  # type: ignore[misc]
        if not may_connect:
            return ["no CONNECT on the database"]
        relations = [Relation._make(row) for row in connection.execute(sql("dumped"), [role])]
        found = [f"{one.shown} ({one.reason})" for one in relations if one.reason]
        tried = next((one for one in relations if one.lockable and not one.reason), None)
        if may_be and tried is not None:
            found += _refused(connection, role, tried)
    return found


def _refused(connection: psycopg.Connection[Any], role: str, table: Relation) -> Iterator[str]:
    """The lock that pg_dump takes first of all; it plans nothing, so nothing that others define is run."""
    key = ObjectKey("table", table.schema, table.name)
    (answer,) = run(connection, [Script((become(role), lock(key, "ACCESS SHARE")))])
    if answer.refusal is not None and answer.refusal.sqlstate == REFUSED:
        yield f"{table.shown} ({answer.refusal.words})"


def probes(spec: Spec) -> Iterator[ServerResource]:
    for role, body in spec.roles.items():
        if body.state == "present" and body.purpose == "backup":
            yield BackupProbe(role, tuple(spec.databases))
