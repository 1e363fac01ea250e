"""libpq's environment is for connection strings: our servers and programs get nothing. Passwords go by SCRAM only."""

from __future__ import annotations

import os
import pwd
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from psycopg.pq import Conninfo

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.gate.container.docker import docker
from pgdeploy.gate.container.image import _bootstrap
from pgdeploy.reach import libpq
from pgdeploy.reach.container import ContainerServer
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.host import Host
from pgdeploy.reach.keygen import keygen
from pgdeploy.reach.login import Login, effective
from pgdeploy.reach.outside import network_address
from pgdeploy.reach.server import Server
from pgdeploy.secret.reference import Secret
from tests.conftest import FAST, open_to_servers, programs
from tests.connection.local_bridge import LocalBridge

BESIDE_OPTIONS = (
    "PGSERVICEFILE",
    "PGSYSCONFDIR",
    "PGTZ",
    "PGDATESTYLE",
    "PGGEQO",
    "PGLOCALEDIR",
    "LOGNAME",
    "USER",
)
VARIABLES = (
    tuple(option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar) + BESIDE_OPTIONS
)


def _own_servers(server: Cluster) -> Iterator[Server]:
    yield server
    yield LocalBridge(server)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process takes its environment once; here each test is one."""
    monkeypatch.setattr(libpq, "_taken", {})


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "5999" if variable == "PGPORT" else "hostile")


def _whoami(server: Server) -> object:
    with server.open() as connection:
        return connection.execute("SELECT current_user, current_database()").fetchone()


def test_our_own_servers_take_nothing_from_the_environment(server16: Cluster, hostile: None) -> None:
    for server in _own_servers(server16):
        os.environ["PGSERVICE"] = os.environ["PGTZ"] = "hostile"
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(_whoami, [server] * 8)) == {("postgres", "postgres")}
        if isinstance(server, LocalBridge):
            server.close()


@pytest.mark.parametrize("variable", VARIABLES)
def test_no_single_variable_reaches_our_own_servers(
    server16: Cluster, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "5999" if variable == "PGPORT" else "hostile")
    assert _whoami(server16) == ("postgres", "postgres")


def test_the_superuser_is_the_user_of_the_process(hostile: None, tmp_path: Path) -> None:
    found = programs(16)
    assert found is not None
    open_to_servers(tmp_path)
    server = Cluster(tmp_path / "home", found, options=FAST)
    server.start()
    try:
        me = pwd.getpwuid(os.geteuid()).pw_name
        assert f'"{me}"' in (server.data / "pg_ident.conf").read_text()
        assert _whoami(server) == ("postgres", "postgres")
    finally:
        server.stop()


def test_a_connection_string_still_has_its_service(
    server16: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "services").write_text("[prod]\n" + "\n".join(server16.dsn.split()) + "\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "prod")
    assert _whoami(server16) == ("postgres", "postgres")
    assert "PGSERVICE" not in os.environ
    assert _whoami(DsnServer("")) == ("postgres", "postgres")


# -- how a password is sent ----------------------------------------------------------------------------

RULES = """\
local all clear_role password
local all md5_role md5
local all scram_role scram-sha-256
local all trust_role trust
local all all peer map=pgdeploy
"""
MD5 = "SET password_encryption = md5; CREATE ROLE md5_role LOGIN PASSWORD 'canary'; RESET password_encryption"


@pytest.fixture(scope="module")
def roles(server16: Cluster) -> Iterator[str]:
    """A server that asks each role in another way; gives its connection string."""
    made = ("clear_role", "scram_role", "trust_role", "md5_role")
    with server16.open() as connection:
        for role in made[:3]:
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'canary'".encode())
        connection.execute(MD5)
        before = server16.write_hba(RULES.replace("local all all peer map=pgdeploy\n", ""))
        text = (server16.data / "pg_hba.conf").read_text()
        own = "".join(text.splitlines(keepends=True)[:2])
        server16.write_hba(own + RULES, whole=True)
        connection.execute("SELECT pg_catalog.pg_reload_conf(), pg_catalog.pg_sleep(0.3)")
        yield server16.dsn.replace("user=postgres", "")
        server16.write_hba(before, whole=True)
        connection.execute("SELECT pg_catalog.pg_reload_conf()")
        connection.execute(f"DROP ROLE {', '.join(made)}".encode())


@pytest.mark.parametrize("role", ["scram_role", "trust_role"])
def test_scram_and_no_password_at_all_are_allowed(roles: str, role: str) -> None:
    server = DsnServer(f"{roles} user={role} password=canary")
    assert _whoami(server) == (role, "postgres")
    server.open(user=role, password=Secret("canary")).close()


@pytest.mark.parametrize(("role", "method"), [("clear_role", "password"), ("md5_role", "md5")])
def test_a_password_goes_in_clear_or_as_md5_only_when_the_spec_or_the_dsn_says_so(
    roles: str, role: str, method: str
) -> None:
    dsn = f"{roles} user={role} password=canary"
    with pytest.raises(TargetError, match=r"by SCRAM only.*require_auth: password") as refused:
        DsnServer(dsn).open()
    assert "canary" not in str(refused.value)
    with pytest.raises(TargetError, match="by SCRAM only"):
        DsnServer(roles).open(user=role, password=Secret("canary"))
    assert _whoami(DsnServer(dsn, require_auth=method)) == (role, "postgres")
    assert _whoami(DsnServer(f"{dsn} require_auth={method}")) == (role, "postgres")


@contextmanager
def _thief() -> Iterator[tuple[int, list[bytes]]]:
    """A server that asks for the password in clear, and keeps what it is sent."""
    stolen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.settimeout(5)
                data = client.recv(4096)
                while data[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                    client.sendall(b"N")
                    data = client.recv(4096)
                client.sendall(b"R\x00\x00\x00\x08\x00\x00\x00\x03")
                stolen.append(data + client.recv(4096))

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], stolen
        thread.join()


def test_a_host_of_somebody_else_does_not_get_pgpassword(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "canary")
    with _thief() as (port, stolen), pytest.raises(TargetError, match="by SCRAM only"):
        DsnServer(f"host=127.0.0.1 port={port} user=u").open()
    assert stolen
    assert b"canary" not in stolen[0]


# -- programs that we start ----------------------------------------------------------------------------


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each ssh, ssh-keygen and docker that is started writes what of libpq it has in its environment."""
    told = tmp_path / "told"
    for program in ("ssh", "ssh-keygen", "docker", "mmdebstrap"):
        file = tmp_path / "bin" / program
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'#!/bin/sh\necho "${{0##*/}}:" "$(env | grep -c =of-libpq)" >>{told}\nexit 1\n')
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    for variable in VARIABLES:
        if variable.startswith("PG"):
            monkeypatch.setenv(variable, "of-libpq")
    return told


def _ask_testinfra(host: Host) -> None:
    host._prepare = lambda: None
    host.testinfra.run("true")


CHILDREN: dict[str, tuple[str, Callable[[], object]]] = {
    "login": ("ssh", lambda: Login("db1", []).open()),
    "what ssh makes of its options": ("ssh", lambda: effective("db1", [])),
    "commands over ssh": ("ssh", lambda: _ask_testinfra(Host.over_ssh(Login("db1", [])))),
    "commands in a container": ("docker", lambda: _ask_testinfra(Host.in_container("c"))),
    "a database over a bridge": ("docker", lambda: ContainerServer("c", "/x").open()),
    "the address of a container": ("docker", lambda: network_address(ContainerServer("c", "/x"))),
    "ssh-keygen": ("ssh-keygen", lambda: keygen("-l")),
    "docker": ("docker", lambda: docker("version")),
    "a root file system": ("mmdebstrap", lambda: _bootstrap("bookworm", "tag")),
}


@pytest.mark.parametrize("child", CHILDREN)
def test_programs_get_nothing_that_is_for_libpq(seen: Path, child: str) -> None:
    program, start = CHILDREN[child]
    with suppress(TargetError, Unreadable, RuntimeError):
        start()
    lines = seen.read_text().splitlines()
    assert f"{program}: 0" in lines
    assert {line.partition(": ")[2] for line in lines} == {"0"}
