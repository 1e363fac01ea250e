"""PostgreSQL's table of rights, by version and by the strength of a login.

What a plan promises is done, and what it says that the login may not, PostgreSQL refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, UndefinedObject

from pgdeploy.apply import apply
from pgdeploy.change import Change, Effect
from pgdeploy.check import Finding, Verdict, evaluate
from pgdeploy.connection.dsn import DsnServer
from pgdeploy.connection.embedded import Cluster
from pgdeploy.facts import Facts
from pgdeploy.plan import Plan, plan
from pgdeploy.render_plan import permitted
from pgdeploy.rights import Rights
from pgdeploy.target import Target, load_target

WORLD = """
CREATE ROLE table_maker;
CREATE ROLE table_friend;
CREATE ROLE table_boss SUPERUSER;
CREATE ROLE table_walker REPLICATION;
CREATE ROLE table_reader;
CREATE ROLE table_group;
CREATE DATABASE table_theirs OWNER table_maker;
CREATE DATABASE table_ours OWNER table_login;
"""
"""What a superuser has made, or somebody else with the rights of one."""

INSIDE = """
CREATE SCHEMA s AUTHORIZATION table_maker;
CREATE SCHEMA old AUTHORIZATION table_friend;
CREATE TABLE s.one (id int); ALTER TABLE s.one OWNER TO table_maker;
CREATE TABLE s.foreign_one (id int);
CREATE TABLE public.ours (id int); ALTER TABLE public.ours OWNER TO table_login;
CREATE TABLE public.foreign_one (id int);
GRANT USAGE ON SCHEMA s TO table_group;
GRANT SELECT ON s.one TO table_group WITH GRANT OPTION;
SET ROLE table_group; GRANT SELECT ON s.one TO table_walker; RESET ROLE;
"""

STRENGTHS = {
    "owner": ("LOGIN", ()),
    "createrole": ("LOGIN CREATEROLE", ()),
    "createrole and createdb": ("LOGIN CREATEROLE CREATEDB", ()),
    "as a provider gives it": (
        "LOGIN CREATEROLE CREATEDB",
        (
            "GRANT pg_monitor, pg_signal_backend, table_maker, table_friend TO table_login WITH ADMIN OPTION",
            "GRANT table_reader, table_group, table_walker TO table_login WITH ADMIN OPTION",
        ),
    ),
}
FROM_15 = (
    "GRANT SET ON PARAMETER log_min_duration_statement TO table_login",
    "GRANT ALTER SYSTEM ON PARAMETER log_min_duration_statement TO table_login",
)

SPEC = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
settings: {{log_min_duration_statement: 7s, work_mem: 5MB}}
roles:
  table_maker: {{createdb: true, connection_limit: 7}}
  table_friend: {{settings: {{log_min_duration_statement: 9s}}, settings_in: {{table_ours: {{work_mem: 6MB}}}}}}
  table_boss: {{superuser: true, connection_limit: 3}}
  table_walker: {{replication: true, connection_limit: 4, settings: {{work_mem: 7MB}}}}
  table_reader: {{member_of: [pg_monitor, table_group]}}
  table_group: {{bypassrls: true, connection_limit: 5}}
  table_new: {{member_of: [table_maker]}}
  table_new_db: {{createdb: true}}
  table_root: {{superuser: true}}
databases:
  table_theirs: &inside
    owner: table_maker
    connection_limit: 9
    settings: {{work_mem: 8MB, log_min_duration_statement: 8s}}
    schemas:
      s: {{owner: table_maker}}
      old: {{owner: table_maker}}
      fresh: {{owner: table_friend}}
      plain: {{}}
    ownership:
      - {{on: {{schema: s, table: one}}, owner: table_friend}}
      - {{on: {{schema: public, table: ours}}, owner: table_maker}}
    grants:
      - {{grant: [CREATE], on: database, to: [table_reader]}}
      - {{grant: [USAGE, CREATE], on: {{schema: public}}, to: [table_reader]}}
      - {{grant: [USAGE], on: {{schema: s}}, to: [table_reader]}}
      - {{grant: [SELECT], on: {{schema: s, all: tables}}, to: [table_reader]}}
      - {{grant: [INSERT], on: {{schema: public, all: tables}}, to: [table_reader]}}
      - {{revoke: [SELECT], on: {{schema: s, table: one}}, from: [table_walker]}}
    default_privileges:
      - {{for: [table_maker, table_friend], in_schema: s, grant: [SELECT], on: tables, to: [table_reader]}}
  table_ours:
    <<: *inside
    owner: null
  table_born: {{owner: table_friend, schemas: {{fresh: {{owner: table_maker}}}}}}
"""


@dataclass
class Spoken:
    """What a plan said of each change, as the login's rights are."""

    refused: list[tuple[Change, str]] = field(default_factory=list)


@dataclass
class Site:
    cluster: Cluster
    major: int
    target: Target

    @property
    def login(self) -> DsnServer:
        return DsnServer(f"{self.cluster.dsn} user=table_login password=known")

    def plan(self) -> Plan:
        facts = self.target.read(self.login)
        return permitted(
            plan(self.target.spec, self.target.resources, facts), destructive=True, unreadable=True
        )

    def findings(self) -> dict[str, Finding]:
        facts = self.target.read(self.login)
        return {check.id: evaluate(check, facts) for check in self.target.checks}


@pytest.fixture(params=list(STRENGTHS))
def strength(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[14, 16, 17, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path, strength: str) -> Iterator[Site]:
    major: int = request.param
    cluster: Cluster = request.getfixturevalue(f"server{major}")
    file = tmp_path / "table.yaml"
    file.write_text(SPEC.format(major=major))
    attributes, given = STRENGTHS[strength]
    more = FROM_15 if given and major >= 15 else ()
    _clean(cluster)
    try:
        _run(
            cluster,
            None,
            f"CREATE ROLE table_login {attributes} PASSWORD 'known'",
            *_split(WORLD),
            *given,
            *more,
        )
        for database in ("table_theirs", "table_ours"):
            _run(cluster, database, *_split(INSIDE))
        yield Site(cluster, major, load_target(file))
    finally:
        _clean(cluster)


def _split(text: str) -> Sequence[str]:
    return [one for one in text.split(";") if one.strip()]


def _run(cluster: Cluster, database: str | None, *texts: str) -> None:
    with cluster.open(database) as connection:
        for text in texts:
            connection.execute(text.encode())


def _clean(cluster: Cluster) -> None:
    with cluster.open() as root:
        for database in ("table_theirs", "table_ours", "table_born"):
            root.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
        query = rb"SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'table\_%'"
        if names := [sql.Identifier(str(row[0])) for row in root.execute(query).fetchall()]:
            listed = sql.SQL(", ").join(names)
            root.execute(sql.SQL("DROP OWNED BY {}").format(listed))
            root.execute(sql.SQL("DROP ROLE {}").format(listed))
        root.execute("ALTER SYSTEM RESET ALL")
        root.execute("SELECT pg_reload_conf()")


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Spoken:
    """Listens to what the plan makes of each change."""
    heard, adapt, begin = Spoken(), Rights.adapt, Rights.__init__

    def beginning(self: Rights, facts: Facts, later: Facts) -> None:
        heard.refused.clear()  # a plan goes over it again, without what was refused
        begin(self, facts, later)

    def listening(self: Rights, change: Change) -> Change | str:
        answer = adapt(self, change)
        if isinstance(answer, str):
            heard.refused.append((change, answer))
        return answer

    monkeypatch.setattr(Rights, "__init__", beginning)
    monkeypatch.setattr(Rights, "adapt", listening)
    return heard


def test_what_is_promised_is_done_and_what_may_not_be_done_is_refused(site: Site, spoken: Spoken) -> None:
    made = site.plan()
    refused = list(spoken.refused)
    assert made.changes, "there is something that each of them may do"
    apply(made, site.login)

    after = site.findings()
    left = {finding.check.id for finding in (*made.stuck, *made.unreadable)}
    later = {finding.check.id for findings in made.then.values() for finding in findings}
    promised = {cause for change in made.changes for cause in change.causes} - left - later
    assert {one: after[one] for one in promised if after[one].verdict is not Verdict.CONFORMS} == {}
    again = site.plan()
    assert [change.statements for change in again.changes if not later.intersection(change.causes)] == []

    allowed = [(change.statements, why) for change, why in refused if not _is_refused(site, change)]
    assert allowed == []


IN_VAIN = frozenset({"01007", "01006"})
"""GRANT and REVOKE that do nothing of what they say, for want of a grant option, are a warning."""


def _is_refused(site: Site, change: Change) -> bool:
    """Whether PostgreSQL refuses one of its statements to this login."""
    if change.database == "table_born" and not _is_there(site, "table_born"):
        return True  # as it may not be made
    database = change.database or "postgres"
    with psycopg.connect(
        f"{site.cluster.dsn} user=table_login password=known dbname={database}",
        autocommit=not change.transactional,
    ) as connection:
        warned: list[str | None] = []
        connection.add_notice_handler(lambda said: warned.append(said.sqlstate))
        reload = ["SELECT pg_reload_conf()"] if change.effect is not Effect.NONE else []
        for text in (*(statement.text for statement in change.statements), *reload):
            try:
                connection.execute(text.encode())
            except (InsufficientPrivilege, UndefinedObject):  # or what it is about may not be made
                return True
            if not IN_VAIN.isdisjoint(warned):
                return True
        connection.rollback()
    return False


def _is_there(site: Site, database: str) -> bool:
    with site.cluster.open() as root:
        found = root.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        return found.fetchone() is not None
