"""A login from the network that must be refused is tried without any password."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.gate.spec_file import load_spec
from pgdeploy.layers.host.outside import REFUSED, _attempt, _chosen
from pgdeploy.layers.server.probes.admission import Login
from pgdeploy.reach.embedded import Cluster
from tests.conftest import FAST, programs

RULES = """
host all anybody 127.0.0.1/32 trust
host all nobody 127.0.0.1/32 reject
host all somebody 127.0.0.1/32 scram-sha-256
host all directory 127.0.0.1/32 password
"""
MEETS = {
    "anybody": "let in",
    "nobody": REFUSED,
    "other": REFUSED,
    "somebody": "asked for a password",
    "directory": "asked for a password",
}


@pytest.fixture(scope="module")
def network() -> Iterator[tuple[Cluster, int]]:
    """A server that listens on TCP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="pgdeploy-test-") as home:
        Path(home).chmod(0o755)
        options = [*FAST, "-c listen_addresses=127.0.0.1", f"-c port={port}"]
        server = Cluster(Path(home) / "home", programs(16) or Path(), options=options)
        server.start()
        try:
            hba = server.data / "pg_hba.conf"
            hba.write_text(f"local all all trust\n{RULES}")
            server.restart()
            yield server, port
        finally:
            server.stop()


@pytest.mark.parametrize("role", MEETS)
def test_no_password_is_sent(
    network: tuple[Cluster, int], role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, port = network
    # libpq would send it, and with it the login would fail, or come in
    monkeypatch.setenv("PGPASSWORD", "somebody's")
    import psycopg

    with psycopg.connect(f"host={server._sockets} port={port} user=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'somebody''s'")
    before = server.log.read_text()
    assert (
        _attempt("127.0.0.1", port, Login(role, "postgres", "127.0.0.1", tls=False), "disable") == MEETS[role]
    )
    assert "password authentication failed" not in server.log.read_text()[len(before) :]


def test_one_login_for_each_rule(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("""
postgres: 16
roles: {a: {login: true}, b: {login: true}, c: {login: true}}
databases: {one: {}, two: {}}
hba:
  - {type: host, database: all, user: a, address: 10.0.0.0/8, method: reject}
  - {type: host, database: all, user: b, address: 10.0.0.0/8, method: scram-sha-256}
""")
    chosen = _chosen(load_spec(file).value, "10.0.0.1", plain=False)
    assert [(login.role, login.database) for login in chosen] == [("a", "postgres"), ("c", "postgres")]
