"""A SCRAM verifier is read by nobody who is not superuser: not in logs, statistics, activity or an audit."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.reference import Secret
from tests.conftest import FAST, open_to_servers, programs
from tests.program import pgdeploy as pgdeploy_program

VERIFIER = re.compile(r"SCRAM-SHA-256\$\d|md5[0-9a-f]{32}")

SPEC = """\
postgres: 15
connect: {dsn: host=x}
undeclared: {roles: ignore, databases: ignore}
roles:
  app: {login: true, password: {env: VERIFIER_PASSWORD}}
"""

LIBRARIES = "pg_stat_statements,pgaudit,auto_explain"
LOUD = (
    "-c log_statement=all -c log_min_duration_statement=0 -c log_duration=on -c log_min_error_statement=info"
    " -c log_min_messages=debug2 -c log_error_verbosity=verbose -c log_transaction_sample_rate=1"
    " -c pgaudit.log=all -c pgaudit.log_parameter=on -c pg_stat_statements.track=all"
    " -c auto_explain.log_min_duration=0 -c auto_explain.log_nested_statements=on"
)
USUAL = "-c log_statement=ddl -c pg_stat_statements.track=top"
"""As managed servers have it, whose users may switch nothing off."""


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    found = programs(15)
    if found is None or not (found.parent / "lib/pgaudit.so").exists():
        reason = "needs Debian's PostgreSQL 15 with contrib and pgaudit"
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    open_to_servers(tmp_path)
    libraries = f"-c shared_preload_libraries={LIBRARIES}"
    cluster = Cluster(tmp_path / "home", found, options=(*FAST, libraries, request.param))
    cluster.start()
    try:
        with cluster.open() as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
            connection.execute("CREATE ROLE exporter LOGIN PASSWORD 'exporter' IN ROLE pg_monitor")
            connection.execute("CREATE ROLE maker LOGIN PASSWORD 'maker' CREATEROLE")
        yield cluster
    finally:
        cluster.stop()


class Exporter(threading.Thread):
    """Looks at pg_stat_activity, as a member of pg_monitor may, until the end of the block."""

    def __init__(self, server: Cluster) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self._connection = server.open(user="exporter", password=Secret("exporter"))
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            rows = self._connection.execute("SELECT query FROM pg_stat_activity").fetchall()
            self.seen |= {str(row[0]) for row in rows}
            time.sleep(0.001)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        query = "SELECT query FROM public.pg_stat_statements"
        self.seen |= {str(row[0]) for row in self._connection.execute(query).fetchall()}
        self._connection.close()


def _apply(server: Cluster, folder: Path, user: str, password: str, *more: str, **environment: str) -> str:
    (folder / "x.yaml").write_text(SPEC)
    dsn = server.dsn.replace("user=postgres", f"user={user}")
    words = ["apply", str(folder / "x.yaml"), "--dsn", dsn, "--yes", "--skip-unreadable", *more]
    done = pgdeploy_program(*words, env={**os.environ, "VERIFIER_PASSWORD": password, **environment})
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("server", "user", "environment"),
    [(LOUD, "postgres", {}), (USUAL, "maker", {"PGPASSWORD": "maker"})],
    indirect=["server"],
    ids=["superuser", "createrole"],
)
def test_nobody_reads_a_verifier(
    server: Cluster, tmp_path: Path, user: str, environment: dict[str, str]
) -> None:
    with Exporter(server) as exporter:
        said = _apply(server, tmp_path, user, "first", **environment)
        with server.open() as connection:
            # and with a lock that it has to wait for
            connection.execute("BEGIN; ALTER ROLE app CONNECTION LIMIT 7")
            waiting = threading.Timer(1, lambda: connection.execute("ROLLBACK"))
            waiting.start()
            said += _apply(server, tmp_path, user, "second", **environment)
            waiting.join()
    with server.open() as connection:
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").fetchone()
    assert stored is not None, said
    assert VERIFIER.match(str(stored[0])), said
    assert len(exporter.seen) > 3
    assert [text for text in (said, *exporter.seen) if VERIFIER.search(text)] == []
    log = server.log.read_text(errors="replace")
    assert "CREATE ROLE" in log
    assert VERIFIER.search(log) is None


@pytest.mark.parametrize("server", [LOUD], indirect=True)
def test_a_statement_that_fails_shows_none(server: Cluster, tmp_path: Path) -> None:
    _apply(server, tmp_path, "postgres", "first")
    with server.open() as connection:
        connection.execute("BEGIN; ALTER ROLE app CONNECTION LIMIT 7")
        said = _apply(server, tmp_path, "postgres", "second", "--lock-timeout", "200ms")
        connection.execute("ROLLBACK")
    assert "lock timeout" in said
    assert VERIFIER.search(said + server.log.read_text(errors="replace")) is None


@pytest.mark.parametrize("server", [LOUD], indirect=True)
def test_the_ears_are_open(server: Cluster) -> None:
    """What is not kept from them is heard by all of them."""
    verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" + "A" * 43 + "=:" + "A" * 43 + "="
    with Exporter(server) as exporter, server.open() as connection:
        connection.execute(f"CREATE ROLE loud PASSWORD '{verifier}'".encode())
        time.sleep(0.2)
    assert [text for text in exporter.seen if VERIFIER.search(text)]
    assert VERIFIER.search(server.log.read_text(errors="replace"))
