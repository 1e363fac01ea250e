"""What owners and roles write into comments, settings and names begins no statement in a restore."""

from __future__ import annotations

from pathlib import Path

from pgdeploy.layers.backup.script import statements
from pgdeploy.reach.embedded import Cluster
from tests.backups.town import of_sql, run, settle, write_spec
from tests.conftest import cluster


def test_only_what_stands_outside_of_quotes_is_a_statement() -> None:
    role = 'CREATE ROLE "o\'b;";'
    comment = "COMMENT ON ROLE x IS 'it''s\n\\connect y\nCREATE ROLE evil;\n-- ';"
    setting = "ALTER ROLE x SET a TO E'\\\\''';"
    script = (
        f"-- Roles of o'brien\n{role}\n\\connect -reuse-previous=on \"dbname='a'\"\n\n{comment}\n{setting}\n"
    )
    assert list(statements(script)) == [role, comment, setting]


def test_a_text_of_an_owner_runs_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    lines = f"x\n\\connect y\nCREATE ROLE evil;\nALTER ROLE evil WITH SUPERUSER;\n\\! touch {canary}\n"
    write_spec(tmp_path)
    for server in cluster(15):
        settle(server)
        for text in (
            "COMMENT ON DATABASE shop IS",
            "COMMENT ON ROLE reader IS",
            "ALTER ROLE reader SET app.name =",
        ):
            of_sql(server, f"{text} '{lines}'", "postgres")
        assert run(tmp_path, "backup", "town", "now", "--dsn", server.dsn).returncode == 0
        words = ("--database", "shop", "--no-backup", "--yes", "--dsn", server.dsn)
        done = run(tmp_path, "restore", "town", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert _rows(server, "SELECT rolname FROM pg_roles WHERE rolname = 'evil'") == []
        assert _rows(
            server, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'"
        ) == [(lines,)]
    assert not canary.exists()


def _rows(server: Cluster, sql: str) -> list[tuple[object, ...]]:
    return of_sql(server, sql, "postgres")
