"""Every name in every statement of ours means what PostgreSQL means by it, whatever a database's owner has made.

A tenant puts a trap for each function, operator and catalogue in front of search_path; then pgdeploy does all it can.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgdeploy.reach.embedded import Cluster

TRAP = (Path(__file__).parent / "trap.sql").read_text()

SPEC = """\
postgres: {major}
connect: {{dsn: host=x}}
undeclared: {{roles: ignore, databases: ignore}}
settings: {{work_mem: 5MB}}
roles:
  postgres: {{superuser: true, login: true}}
  tenant: {{login: true, settings: {{work_mem: 6MB}}, settings_in: {{tenants: {{work_mem: 7MB}}}}}}
  reader: {{login: true, password: {{env: TRAP_PASSWORD}}, member_of: [pg_monitor]}}
databases:
  tenants:
    owner: tenant
    schemas: {{sales: {{owner: tenant}}}}
    extensions: {{plpgsql: {{}}}}
    ownership: []
    default_privileges:
      - {{for: tenant, in_schema: sales, grant: [SELECT], on: tables, to: [reader]}}
    grants:
      - {{grant: [USAGE], on: {{schema: sales}}, to: [reader]}}
      - {{grant: [SELECT], on: {{schema: sales, all: tables}}, to: [reader]}}
"""

COMMANDS = {
    "check": ["-m", "pgdeploy", "check", "prod"],
    "apply": ["-m", "pgdeploy", "apply", "prod", "--yes"],
    "gate": ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--target=prod"],
}


@pytest.fixture(params=["server14", "server16", "server18"])
def trapped(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    server: Cluster = request.getfixturevalue(request.param)
    with server.open() as connection:
        connection.execute("CREATE ROLE tenant LOGIN PASSWORD 'tenant'")
        connection.execute("CREATE DATABASE tenants OWNER tenant")
    with psycopg.connect(server.dsn, dbname="tenants", autocommit=True) as connection:
        # as the tenant would, who cannot gain anything by it
        connection.execute("SET SESSION AUTHORIZATION tenant")
        connection.execute(TRAP.encode())
        connection.execute("CREATE SCHEMA sales")
        connection.execute("CREATE TABLE sales.orders (id int)")
        connection.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC")
        connection.execute("RESET SESSION AUTHORIZATION")
    with server.open() as connection:
        connection.execute("ALTER DATABASE tenants SET search_path = evil, pg_catalog, public, pg_temp")
    try:
        yield server
    finally:
        with server.open() as connection:
            connection.execute("DROP DATABASE tenants WITH (FORCE)")
            for role in ("tenant", "reader"):
                connection.execute(f"DROP ROLE IF EXISTS {role}".encode())
            connection.execute("ALTER SYSTEM RESET ALL")
            connection.execute("SELECT pg_reload_conf()")


def _is_superuser(server: Cluster) -> bool:
    with server.open() as connection:
        row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant'").fetchone()
    return row == (True,)


def test_no_statement_of_ours_falls_into_a_trap(
    trapped: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAP_PASSWORD", "correct horse")
    with trapped.open() as connection:
        major = connection.info.server_version // 10000
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/prod.yaml").write_text(SPEC.format(major=major))
    since = len(trapped.log.read_text(errors="replace"))
    for name in ("check", "apply", "gate"):
        done = subprocess.run(
            [sys.executable, *COMMANDS[name], "--dsn", trapped.dsn],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "trapped" not in done.stdout + done.stderr, name
        assert not _is_superuser(trapped), name
    assert done.returncode == 0 or "tenants: " in done.stdout, done.stdout + done.stderr
    logged = trapped.log.read_text(errors="replace")[since:]
    assert "TRAPPED" not in logged
    assert "trapped" not in logged


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config('a.b', 'c', false)",
        "SELECT 1 FROM pg_catalog.pg_class WHERE oid = 1259::oid",
        "SELECT * FROM pg_roles",
    ],
)
def test_the_trap_is_one(trapped: Cluster, statement: str) -> None:
    with (
        psycopg.connect(trapped.dsn, dbname="tenants", autocommit=True) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="trapped"),
    ):
        connection.execute(statement.encode())
