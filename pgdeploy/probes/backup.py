# ruff: noqa: S608 - every name is quoted by ident()
"""Probe of a role for backups: it can read every table in every declared database, as pg_dump will want to.

Default privileges reach only what their own creator makes, and row level security stops a dump: so the
objects that are there are asked about, whoever made them. A few tables are also tried, as the role.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.change import ident
from pgdeploy.check import Check, Inapplicable, Outcome, Resource, listing, name
from pgdeploy.facts import Facts
from pgdeploy.probes.act import REFUSED, become
from pgdeploy.probes.script import Script, run
from pgdeploy.probes.session import session, sql
from pgdeploy.resources.database import databases
from pgdeploy.resources.role import absent

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.resources.spec import Spec

TRIED = 8
"""Tables a database that are really selected from (EXPLAIN only)."""

_MAY = "SELECT has_database_privilege(%s::name, current_database(), 'CONNECT'), pg_has_role(current_user, %s::name, %s)"


@dataclass(frozen=True, slots=True, eq=False)
class BackupProbe(Resource):
    """One role with `purpose: backup`."""

    kind: ClassVar[str] = "role"
    role: str
    databases: tuple[str, ...]

    def checks(self) -> Iterator[Check]:
        address = f"role[{name(self.role)}]"
        yield Check(
            self, address, "reads_everything", ("roles", self.role, "purpose"), self._compare, "probe"
        )

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return absent(self.role, facts)

    def _compare(self, facts: Facts) -> Outcome:
        known = facts.once(databases)
        there = [
            database for database in self.databases if database in known and known[database].allow_connections
        ]
        if not there:
            raise Inapplicable("none of the declared databases is there and lets anybody in")
        by_database = {database: _unreadable(facts, self.role, database) for database in there}
        unreadable = [
            f"{name(database)}: {what}" for database, found in by_database.items() for what in found
        ]
        desired = f"reads every table in {listing(map(name, there))}"
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
        relations = connection.execute(sql("dumped"), [role]).fetchall()
        found = [f"{_shown(*relation[:3])} ({relation[4]})" for relation in relations if relation[4]]
        if may_be:
            quiet = [relation[:3] for relation in relations if relation[3] and not relation[4]]
            found += _refused(connection, role, quiet[:: max(1, -(-len(quiet) // TRIED))])
    return found


def _refused(connection: psycopg.Connection[Any], role: str, tables: list[tuple[str, str, str]]) -> list[str]:
    """Of the tables that should be readable, those on which a SELECT of the role itself is refused."""
    # off, as pg_dump sets it: a policy is then an error, not fewer rows
    role_of_a_dump = (*become(role, writes=False), "SET LOCAL row_security = off")
    scripts = [Script((*role_of_a_dump, f"EXPLAIN SELECT * FROM ONLY {_clause(*table)}")) for table in tables]
    answers = zip(tables, run(connection, scripts), strict=True)
    refusals = [(table, answer.refusal) for table, answer in answers]
    return [
        f"{_shown(*table)} ({no.words})"
        for table, no in refusals
        if no is not None and no.sqlstate == REFUSED
    ]


def _clause(schema: str, relation: str, relkind: str) -> str:
    return f"{ident(schema)}.{ident(relation)}"


def _shown(schema: str, relation: str, relkind: str) -> str:
    kind = {"S": "sequence", "m": "materialized view"}.get(relkind, "table")
    return f"{kind} {name(schema)}.{name(relation)}"


def probes(spec: Spec) -> Iterator[Resource]:
    for role, body in spec.roles.items():
        if body.state == "present" and body.purpose == "backup":
            yield BackupProbe(role, tuple(spec.databases))
