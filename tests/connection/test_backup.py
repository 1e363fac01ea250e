"""Backups of a server over a real sshd: PostgreSQL's own programs come in by the same way as we do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.backups.town import of_sql, run, write_spec
from tests.conftest import require_programs

SPEC = """\
postgres: 16
connect:
  ssh: {{host: 127.0.0.1, user: root, port: {port}, key: {home}/key, known_hosts: {home}/known_hosts}}
settings: {{unix_socket_directories: {sockets}}}
roles: {{postgres: {{superuser: true, login: true}}}}
databases: {{far: {{owner: postgres, schemas: {{app: {{owner: postgres}}}}}}}}
backup:
  repository: {{path: kept}}
  jobs: 3
  invariants: {{far: [{{sql: SELECT sum(id) FROM app.orders, returns: 5050}}]}}
"""


@pytest.fixture
def far(server16: Cluster) -> Iterator[Cluster]:
    of_sql(server16, "CREATE DATABASE far", "postgres")
    of_sql(server16, "CREATE SCHEMA app; CREATE TABLE app.orders AS SELECT generate_series(1, 100) id", "far")
    yield server16
    for (name,) in of_sql(
        server16, "SELECT quote_ident(datname) FROM pg_database WHERE datname ~ '^far'", "postgres"
    ):
        of_sql(server16, f"DROP DATABASE {name}", "postgres")


def test_made_proved_and_restored(
    sshd: tuple[Path, int], far: Cluster, sockets: Path, tmp_path: Path
) -> None:
    home, port = sshd
    write_spec(tmp_path, SPEC.format(port=port, home=home, sockets=sockets))
    made = run(tmp_path, "backup", "town", "now")
    assert made.returncode == 0, made.stderr
    proved = run(tmp_path, "backup", "town", "prove", "--bin-dir", str(require_programs(16)))
    assert proved.returncode == 0, proved.stdout + proved.stderr
    of_sql(far, "DROP TABLE app.orders", "far")
    done = run(tmp_path, "restore", "town", "--yes", "--no-backup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert of_sql(far, "SELECT count(*) FROM app.orders", "far") == [(100,)]
