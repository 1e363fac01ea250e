"""Backups of every version of PostgreSQL, with the programs that fit it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgdeploy.reach.program import found_program
from tests.backups.town import SPEC, of_sql, remeasure, run, settle, write_spec
from tests.conftest import cluster, require_programs

_CREATED = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, to_jsonb(d) ->> 'datlocprovider',
  coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
FROM pg_database d WHERE datname = '{}'
"""


@pytest.mark.parametrize("major", [14, 16, 17, 18])
def test_made_proved_and_restored(major: int, tmp_path: Path) -> None:
    builtin = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'"
    for server in cluster(major):
        settle(server)
        if major >= 17:
            of_sql(server, "ALTER DATABASE shop RENAME TO shop_latin1", "postgres")
            of_sql(server, f"CREATE DATABASE shop OWNER owner TEMPLATE template0 {builtin}", "postgres")
            of_sql(
                server, "CREATE SCHEMA app AUTHORIZATION owner; CREATE TABLE app.orders AS SELECT 5050 AS id"
            )
            of_sql(server, "ALTER TABLE app.orders ADD day date DEFAULT '2026-01-15'")
            of_sql(server, "ALTER TABLE app.orders OWNER TO owner")
            of_sql(server, "GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON app.orders TO reader")
            of_sql(
                server, "ALTER DATABASE shop CONNECTION LIMIT 50; GRANT CONNECT ON DATABASE shop TO reader"
            )
            of_sql(server, "ALTER DATABASE shop SET work_mem = '8MB'")
        write_spec(tmp_path, SPEC.replace("postgres: 15", f"postgres: {major}"))
        made = run(tmp_path, "backup", "town", "now", "--dsn", server.dsn)
        assert made.returncode == 0, made.stderr
        proved = run(tmp_path, "backup", "town", "prove", "--bin-dir", str(require_programs(major)))
        assert (proved.returncode, " 0 do not hold" in proved.stdout) == (0, True), (
            proved.stdout + proved.stderr
        )
        words = ("--database", "shop", "--as", "again", "--yes", "--dsn", server.dsn)
        done = run(tmp_path, "restore", "town", *words)
        assert done.returncode == 0, done.stderr
        assert of_sql(server, "SELECT sum(id) FROM app.orders", "again") == [(5050,)]
        assert of_sql(server, _CREATED.format("again")) == of_sql(server, _CREATED.format("shop"))


def test_programs_of_a_later_version(tmp_path: Path) -> None:
    """pg_restore 18 sets what PostgreSQL 15 does not know, and counts that as an error; others stay errors."""
    require_programs(18)
    for server in cluster(15):
        settle(server)
        write_spec(tmp_path)
        assert run(tmp_path, "backup", "town", "now", "--dsn", server.dsn).returncode == 0
        (file,) = (tmp_path / "specs/kept").glob("2*/manifest.json")
        later = {"program": "pg_dump (PostgreSQL) 18.0"}
        file.write_text(json.dumps(json.loads(file.read_text()) | later))
        words = ("restore", "town", "--database", "shop", "--yes", "--dsn", server.dsn, "--as")
        done = run(tmp_path, *words, "again")
        assert done.returncode == 0, done.stderr
        assert of_sql(server, "SELECT sum(id) FROM app.orders", "again") == [(5050,)]
        for data in file.parent.rglob("*.dat.gz"):
            data.write_bytes(data.read_bytes()[:-20])
        remeasure(tmp_path)
        wrong = run(tmp_path, *words, "third")
        assert (wrong.returncode, "database shop cannot be restored: " in wrong.stderr) == (1, True)
        assert "transaction_timeout" not in wrong.stderr


def test_an_older_server_is_refused(tmp_path: Path) -> None:
    for server in cluster(15):
        settle(server)
        write_spec(tmp_path)
        assert run(tmp_path, "backup", "town", "now", "--dsn", server.dsn).returncode == 0
    for server in cluster(14):
        done = run(tmp_path, "restore", "town", "--yes", "--dsn", server.dsn)
        assert done.returncode == 1
        assert "cannot be restored into PostgreSQL 14; restore it into 15 or later" in done.stderr


@pytest.mark.parametrize("major", [14, 15, 16, 18])
def test_the_program_of_the_version_or_the_next(major: int) -> None:
    for name in ("pg_dump", "pg_restore", "psql"):
        found = found_program(name, major)
        assert found.name == name
        assert found == found_program(name, max(major, 15) if major < 16 else major)
