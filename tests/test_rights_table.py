"""PostgreSQL's table of rights, by version and by the strength of a login.

What a plan promises is done, and what it says that the login may not, PostgreSQL refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from psycopg import sql

from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster
from tests.rights_table import Site, Spoken, listen, untrue

WORLD = """
CREATE ROLE table_maker;
CREATE ROLE table_friend;
CREATE ROLE table_boss SUPERUSER;
CREATE ROLE table_walker REPLICATION;
CREATE ROLE table_reader;
CREATE ROLE table_group;
CREATE DATABASE table_theirs OWNER table_maker;
CREATE DATABASE table_ours OWNER table_login;
GRANT CREATE ON DATABASE table_theirs TO table_friend, table_group;
GRANT CREATE ON DATABASE table_ours TO table_friend, table_group;
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
CREATE PUBLICATION may; ALTER PUBLICATION may OWNER TO table_login;
CREATE PUBLICATION will_not; ALTER PUBLICATION will_not OWNER TO table_login;
CREATE PUBLICATION may_not; ALTER PUBLICATION may_not OWNER TO table_login;
CREATE PUBLICATION every FOR ALL TABLES; ALTER PUBLICATION every OWNER TO table_login;
CREATE PUBLICATION theirs; ALTER PUBLICATION theirs OWNER TO table_maker;
CREATE FOREIGN DATA WRAPPER w; GRANT USAGE ON FOREIGN DATA WRAPPER w TO table_friend;
CREATE SERVER may FOREIGN DATA WRAPPER w; ALTER SERVER may OWNER TO table_login;
CREATE SERVER may_not FOREIGN DATA WRAPPER w; ALTER SERVER may_not OWNER TO table_login;
CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.watch();
ALTER EVENT TRIGGER watch DISABLE;
"""
INSIDE_FROM_15 = (
    "CREATE PUBLICATION whole FOR TABLES IN SCHEMA s; ALTER PUBLICATION whole OWNER TO table_login;"
)

EXTENSIONS_INSIDE = """
CREATE EXTENSION hstore VERSION '1.4';
SET ROLE table_friend; CREATE EXTENSION ltree VERSION '1.1'; CREATE EXTENSION seg SCHEMA old; RESET ROLE;
CREATE EXTENSION pgrowlocks;
"""
EXTENSIONS = {
    14: "{citext: {schema: s}, pageinspect: {}, hstore: {version: newest}, ltree: {version: newest}, "
    "seg: {schema: s}, pgrowlocks: {schema: s}, cube: {schema: fresh}}",
    16: "{vector: {}}",
}
"""Of a superuser and of others, trusted or not: to be made, updated, moved. 16 and 18 bring none that is trusted."""
EXTENSIONS |= {17: EXTENSIONS[14], 18: EXTENSIONS[16]}

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
    extensions: {extensions}
    ownership:
      - {{on: {{schema: s, table: one}}, owner: table_friend}}
      - {{on: {{schema: public, table: ours}}, owner: table_maker}}
      - {{on: {{foreign_server: may}}, owner: table_friend}}
      - {{on: {{foreign_server: may_not}}, owner: table_maker}}
      - {{on: {{foreign_data_wrapper: w}}, owner: table_boss}}
    publications:
      may: {{owner: table_friend}}
      will_not: {{owner: table_group}}
      may_not: {{owner: table_reader}}
      every: {{owner: table_friend}}
      whole: {{owner: table_friend}}
      theirs: {{owner: table_friend}}
    event_triggers:
      watch: {{owner: table_boss, enabled: true}}
    grants:
      - {{grant: [CREATE], on: database, to: [table_reader, table_friend]}}
      - {{grant: [USAGE], on: {{foreign_data_wrapper: w}}, to: [table_friend]}}
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


@pytest.fixture(params=list(STRENGTHS))
def strength(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[14, 16, 17, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path, strength: str) -> Iterator[Site]:
    major: int = request.param
    cluster: Cluster = request.getfixturevalue(f"server{major}")
    file = tmp_path / "table.yaml"
    file.write_text(SPEC.format(major=major, extensions=EXTENSIONS[major]))
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
            inside = INSIDE + (INSIDE_FROM_15 if major >= 15 else "") + _extensions_of(major)
            _run(cluster, database, *_split(inside))
        yield Site(cluster, major, load_target(file))
    finally:
        _clean(cluster)


def _extensions_of(major: int) -> str:
    return EXTENSIONS_INSIDE if "citext" in EXTENSIONS[major] else ""


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
    return listen(monkeypatch)


def test_what_is_promised_is_done_and_what_may_not_be_done_is_refused(site: Site, spoken: Spoken) -> None:
    assert site.plan().changes, "there is something that each of them may do"
    assert untrue(site, spoken) == []
