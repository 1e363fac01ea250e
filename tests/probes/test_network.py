"""A role comes in as applications do: by TCP, where we come by the socket of a server on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pgdeploy.check import Verdict
from pgdeploy.connection.dsn import DsnServer
from pgdeploy.connection.embedded import Cluster
from pgdeploy.target import Target
from tests.conftest import FAST, cluster
from tests.probes.shop import OBJECTS, SPEC, World, make

RIGHT = "role[app].logs_in"
LOOPBACK = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}.1"
"""Of this process alone, as the port is the same for all."""

SCRAM = "host all all 127.0.0.1/32 scram-sha-256\n"
BY_TCP = re.compile(rf"logs in to shop by TCP \({LOOPBACK}:5432\) with the secret in ")


@pytest.fixture(scope="module", params=[16, 14, 18])
def listening(
    request: pytest.FixtureRequest, load: Callable[[str, int], Target], secrets: None
) -> Iterator[World]:
    servers = cluster(request.param, (*FAST, f"-c listen_addresses={LOOPBACK}"))
    for server in servers:
        yield make(load(SPEC, request.param), server, OBJECTS, "shop")


@pytest.mark.parametrize(
    "socket_rule", ["", "local all app peer\n", "local all app trust\n", "local all app reject\n"]
)
def test_it_is_tried_by_tcp_whatever_the_socket_asks(listening: World, socket_rule: str) -> None:
    with listening.hba(socket_rule + SCRAM):
        found = listening.probe()[RIGHT]
    assert found.verdict is Verdict.CONFORMS, found
    assert BY_TCP.match(found.desired)
    assert found.note == ""


@pytest.mark.parametrize("socket_rule", ["local all app peer\n", "local all app trust\n"])
def test_another_password_is_red_by_tcp(listening: World, socket_rule: str) -> None:
    before, after = "ALTER ROLE app PASSWORD 'another'", "SELECT"
    with listening.hba(socket_rule + SCRAM), listening.broken(before, after):
        found = listening.probe()[RIGHT]
    assert found.verdict is Verdict.DRIFTS, found
    assert 'password authentication failed for user "app"' in found.actual


@pytest.mark.parametrize("rule", ["reject", "trust", 'radius radiusservers="127.0.0.1" radiussecrets="x"'])
def test_where_nobody_asks_for_the_password_by_tcp_our_own_way_counts(listening: World, rule: str) -> None:
    with listening.hba(f"host all all 127.0.0.1/32 {rule}\n"):
        found = listening.probe()[RIGHT]
    assert found.verdict is Verdict.CONFORMS
    assert "TCP" not in found.desired


def test_where_nobody_listens_our_own_way_counts(shop: World) -> None:
    with shop.hba(SCRAM):
        found = shop.probe()[RIGHT]
    assert (found.verdict, "TCP" in found.desired) == (Verdict.CONFORMS, False)
    assert (
        found.note
        == "not tried, as we come by another way: 1 rule of pg_hba.conf for app: host all all 127.0.0.1/32"
    )


def test_a_socket_that_somebody_forwards_says_nothing_of_the_ports_of_this_machine(listening: World) -> None:
    with listening.hba(SCRAM), _forwarded(listening.server) as folder:
        found = listening.probe(DsnServer(f"host={folder} user=postgres"))[RIGHT]
        ours = listening.probe(DsnServer(f"{listening.server.dsn}"))[RIGHT]
    assert (found.verdict, "TCP" in found.desired) == (Verdict.CONFORMS, False), found
    assert found.note.startswith("not tried, as we come by another way")
    assert BY_TCP.match(ours.desired)


FORWARDER = """
import os, socket, sys, threading
def copy(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listens", flush=True)
while True:
    ours, theirs = listener.accept()[0], socket.socket(socket.AF_UNIX)
    theirs.connect(sys.argv[2])
    for ends in ((ours, theirs), (theirs, ours)):
        threading.Thread(target=copy, args=ends, daemon=True).start()
"""


@contextmanager
def _forwarded(server: Cluster) -> Iterator[str]:
    """Another socket, whose other end is another process."""
    behind = psycopg.conninfo.conninfo_to_dict(server.dsn)["host"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", FORWARDER, f"{folder}/.s.PGSQL.5432", f"{behind}/.s.PGSQL.5432"]
        forwarder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            assert forwarder.stdout is not None
            assert forwarder.stdout.readline() == b"listens\n"
            yield folder
        finally:
            forwarder.kill()
            forwarder.communicate()
