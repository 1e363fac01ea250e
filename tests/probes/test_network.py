"""A role comes in as applications do: by TCP, where we come by the socket of a server on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.probes.network import is_same
from tests.conftest import FAST, cluster
from tests.connection.local_bridge import LocalBridge
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


def test_over_a_bridge_it_is_tried_from_the_server_s_own_host(listening: World) -> None:
    with (
        listening.hba(f"host all all {LOOPBACK}/32 scram-sha-256\n"),
        closing(LocalBridge(listening.server)) as bridge,
    ):
        right = listening.probe(bridge)[RIGHT]
        with listening.broken("ALTER ROLE app PASSWORD 'another'", "SELECT"):
            wrong = listening.probe(bridge)[RIGHT]
    assert (right.verdict, wrong.verdict) == (Verdict.CONFORMS, Verdict.DRIFTS), (right, wrong)
    assert right.desired.startswith(f"logs in to shop by TCP ({LOOPBACK}:5432 of local bridge) with")
    assert right.note == ""
    assert 'password authentication failed for user "app"' in wrong.actual


TLS_ONLY = "hostssl all all 127.0.0.0/8"


@pytest.mark.parametrize("listening", [14], indirect=True)  # this build knows TLS
def test_it_is_tried_by_tls_but_for_a_bridge(listening: World) -> None:
    with (
        _tls(listening),
        listening.hba(f"{TLS_ONLY} scram-sha-256\n"),
        closing(LocalBridge(listening.server)) as bridge,
    ):
        ours, bridged = listening.probe()[RIGHT], listening.probe(bridge)[RIGHT]
    assert (ours.verdict, bridged.verdict) == (Verdict.CONFORMS, Verdict.CONFORMS), (ours, bridged)
    assert BY_TCP.match(ours.desired)
    assert "TCP" not in bridged.desired
    assert bridged.note.endswith(f": {TLS_ONLY}")


@contextmanager
def _tls(world: World) -> Iterator[None]:
    """The server's own user makes its key."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.crt -subj /CN=shop"
    world.run(f"COPY (SELECT 1) TO PROGRAM '{make} 2> /dev/null'")
    with world.broken("ALTER SYSTEM SET ssl = on", "ALTER SYSTEM RESET ssl"):
        yield


class ElsewhereBridge(LocalBridge):
    """Its end has the server's socket, but a network of its own: so it is with a socket mounted into a container."""

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        alone = ["--net"] if os.geteuid() == 0 else ["--map-root-user", "--net"]
        return ["unshare", *alone, *there]


def test_the_ports_of_another_network_are_not_the_server_s(listening: World) -> None:
    with listening.hba(SCRAM), closing(ElsewhereBridge(listening.server)) as bridge:
        found = listening.probe(bridge)[RIGHT]
    assert (found.verdict, "TCP" in found.desired) == (Verdict.CONFORMS, False), found
    assert found.note.startswith("not tried, as we come by another way: 1 rule of pg_hba.conf for app")


BOOT = "0e5b8f6c-3c1f-4f0e-9b6e-2a4d1c7e8f90"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def _socket(port: int, inode: int, state: str = "0A", host: str = "0100007F") -> str:
    return f"   0: {host}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 26 0 {inode} 1 0\n"


HERE = f"{BOOT}\n{HEAD}{_socket(22, 7)}{_socket(5432, 8)}{HEAD}{_socket(5432, 9, host='0' * 32)}"


@pytest.mark.parametrize(
    ("there", "same"),
    [
        (HERE, True),
        (f"{BOOT}\n{HEAD}{_socket(5432, 9, host='0' * 32)}", True),
        (f"{BOOT}\n{HEAD}{_socket(5432, 88)}", False),
        (f"{BOOT}\n{HEAD}{_socket(22, 7)}", False),
        (f"{BOOT}\n{HEAD}{_socket(5432, 8, state='01')}", False),
        (f"{BOOT}\n{HEAD}", False),
        (f"{BOOT[::-1]}\n{HEAD}{_socket(5432, 8)}", False),
        ("", False),
    ],
)
def test_what_the_same_network_is(there: str, same: bool) -> None:
    assert is_same(HERE, there, 5432) is same
    assert is_same(there, HERE, 5432) is same


def test_two_readings_of_nothing_are_not_of_the_same_network() -> None:
    assert not is_same("", "", 5432)
