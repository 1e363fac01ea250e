"""Behind a connection pooler a session is shared with others: pgdeploy refuses, and leaves nothing in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import SERVER_USER, Cluster
from pgdeploy.reach.session import PoolerError
from tests.conftest import open_to_servers

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

CONFIG = """\
[databases]
* = host={socket} user=pooled password=pooled
[pgbouncer]
unix_socket_dir = {folder}
listen_addr =
listen_port = 6432
auth_type = any
pool_mode = {mode}
default_pool_size = 1
logfile = {folder}/log
pidfile = {folder}/pid
ignore_startup_parameters = {ignored}
"""


@pytest.fixture(params=["transaction", "session", "statement"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["extra_float_digits", "extra_float_digits, options"])
def pooler(
    request: pytest.FixtureRequest, mode: str, server16: Cluster, tmp_path: Path
) -> Iterator[DsnServer]:
    if PGBOUNCER is None:
        reason = "needs PgBouncer"
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    socket = server16.dsn.split("host=")[1].split()[0]
    open_to_servers(tmp_path)
    identity = ["setpriv", f"--reuid={SERVER_USER}", "--clear-groups"] if os.geteuid() == 0 else []
    if identity:
        shutil.chown(tmp_path, SERVER_USER)
    (tmp_path / "ini").write_text(
        CONFIG.format(socket=socket, folder=tmp_path, mode=mode, ignored=request.param)
    )
    with server16.open() as connection:
        connection.execute("CREATE ROLE pooled SUPERUSER LOGIN PASSWORD 'pooled'")
    with (tmp_path / "out").open("wb") as out:
        running = subprocess.Popen([*identity, PGBOUNCER, str(tmp_path / "ini")], stdout=out, stderr=out)
    try:
        for _ in range(200):
            if (tmp_path / ".s.PGSQL.6432").exists():
                break
            time.sleep(0.05)
        yield DsnServer(f"host={tmp_path} port=6432 user=pooled dbname=postgres")
    finally:
        running.terminate()
        running.wait()
        with server16.open() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'pooled'"
            )
            connection.execute("DROP ROLE pooled")


def test_a_pooler_is_refused_and_nothing_stays_in_it(pooler: DsnServer) -> None:
    with pytest.raises(PoolerError, match="a connection pooler answers"):
        pooler.open()
    with pytest.raises(PoolerError, match="a connection pooler answers"):
        apply(Plan((), (), (), {}, ()), pooler)
    with pooler.open(configured=False) as connection:
        settings = connection.execute(
            "SELECT name, setting FROM pg_settings"
            " WHERE source = 'session' AND name NOT IN ('client_encoding', 'application_name')"
        ).fetchall()
        connection.execute("SELECT 1")
    assert settings == []


def test_others_of_the_pool_keep_their_search_path(pooler: DsnServer) -> None:
    query = "SELECT current_setting('search_path'), current_setting('jit')"
    with pooler.open(configured=False) as connection:
        before = connection.execute(query).fetchone()
    with pytest.raises(PoolerError):
        pooler.open()
    with pooler.open(configured=False) as connection:
        assert connection.execute(query).fetchone() == before
