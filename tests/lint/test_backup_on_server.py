"""The second ruler: what the rules about backups foretell, a real server does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import product

import psycopg
import pytest

from pgdeploy.lint.backup import gaps
from pgdeploy.lint.maker import makers, schemas
from pgdeploy.lint.people import groups
from pgdeploy.lint.subject import Subject
from tests.lint.advice import Read

SPEC = """\
postgres: {major}
roles:
  postgres: {{superuser: true, login: true}}
  lint_owner: {{login: true}}
  lint_app: {{login: true}}
  lint_team: {{}}
  lint_member: {{login: true, member_of: [lint_team]}}
  lint_sky: {{login: true}}
  lint_guest: {{login: true}}
  lint_readers: {{}}
  lint_saver: {{login: true, purpose: backup, member_of: [lint_readers]}}
databases:
  lint_shop:
    owner: lint_owner
    schemas:
      sky: {{owner: lint_sky}}
    grants:
      - {{grant: [USAGE], on: {{schema: sky}}, to: [lint_readers, lint_app]}}
      - {{grant: [CREATE], on: {{schema: sky}}, to: [lint_app]}}
      - {{grant: [CREATE], on: {{schema: public}}, to: [lint_team]}}
    default_privileges:
      - {{for: postgres, grant: [SELECT], on: tables, to: [lint_saver]}}
      - {{for: lint_owner, in_schema: public, grant: [ALL], on: tables, to: [lint_readers]}}
      - {{for: lint_team, grant: [SELECT], on: tables, to: [PUBLIC]}}
      - {{for: lint_app, in_schema: public, grant: [SELECT], on: tables, to: [lint_saver]}}
      - {{for: lint_sky, grant: [SELECT], on: sequences, to: [lint_saver]}}
"""

SQL = """\
ALTER SCHEMA public OWNER TO {public_owner};
CREATE SCHEMA sky AUTHORIZATION lint_sky;
GRANT USAGE ON SCHEMA sky TO lint_readers, lint_app;
GRANT CREATE ON SCHEMA sky TO lint_app;
GRANT CREATE ON SCHEMA public TO lint_team;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT SELECT ON TABLES TO lint_saver;
ALTER DEFAULT PRIVILEGES FOR ROLE lint_owner IN SCHEMA public GRANT ALL ON TABLES TO lint_readers;
ALTER DEFAULT PRIVILEGES FOR ROLE lint_team GRANT SELECT ON TABLES TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE lint_app IN SCHEMA public GRANT SELECT ON TABLES TO lint_saver;
ALTER DEFAULT PRIVILEGES FOR ROLE lint_sky GRANT SELECT ON SEQUENCES TO lint_saver;
"""

ROLES = ("owner", "app", "team", "member", "sky", "guest", "readers", "saver")


def _make(connection: psycopg.Connection[tuple[object, ...]], major: int) -> None:
    for role in ROLES:
        login = "" if role in ("team", "readers") else "LOGIN"
        connection.execute(f"CREATE ROLE lint_{role} {login}".encode())
    connection.execute("GRANT lint_team TO lint_member")
    connection.execute("GRANT lint_readers TO lint_saver")
    connection.execute("CREATE DATABASE lint_shop OWNER lint_owner TEMPLATE template0")


@pytest.fixture(params=[14, 16])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    major = int(request.param)
    dsn = request.getfixturevalue(f"server{major}").dsn
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            _make(connection, major)
            yield major, dsn
        finally:
            connection.execute("DROP DATABASE IF EXISTS lint_shop WITH (FORCE)")
            for role in reversed(ROLES):
                connection.execute(f"DROP ROLE IF EXISTS lint_{role}".encode())


def _allowed(connection: psycopg.Connection[tuple[object, ...]], role: str, statement: str) -> bool:
    """Whether a role may; what it made stays."""
    connection.execute(f"SET ROLE {role}".encode())
    try:
        connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    finally:
        connection.execute("RESET ROLE")
    return True


def _refused(connection: psycopg.Connection[tuple[object, ...]], table: str) -> Iterator[str]:
    if not _allowed(connection, "lint_saver", f"SELECT * FROM {table}"):
        yield "table"
    if not _allowed(connection, "lint_saver", f"SELECT last_value FROM {table}_id_seq"):
        yield "sequence"


def test_gaps_are_what_a_server_refuses(server: tuple[int, str], read: Read) -> None:
    major, dsn = server
    subject = Subject(read(SPEC.format(major=major)).value, date(2026, 6, 15))
    able: set[tuple[str, str]] = set()
    refused: dict[str, set[tuple[str, str]]] = {"table": set(), "sequence": set()}
    with psycopg.connect(dsn, dbname="lint_shop", autocommit=True) as connection:
        public_owner = "pg_database_owner" if major >= 15 else "postgres"
        connection.execute(SQL.format(public_owner=public_owner).encode())
        for schema, role in product(("public", "sky"), ("postgres", *(f"lint_{role}" for role in ROLES))):
            table = f"{schema}.{role}_made"
            if _allowed(connection, role, f"CREATE TABLE {table} (id serial)"):
                able.add((role, schema))
                for kind in _refused(connection, table):
                    refused[kind].add((role, schema))
    known = schemas(subject, "lint_shop")
    assert {(maker, schema) for schema in known for maker in makers(subject, "lint_shop", schema)} == able
    rights = groups(subject, "lint_saver", inherited=True)
    assert {kind: set(gaps(subject, "lint_shop", kind, rights)) for kind in refused} == refused
    assert all(refused.values())
