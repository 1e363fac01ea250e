"""Probes wait for nobody, need no superuser, know what a standby cannot do, and show no secret."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.target import Target
from pgdeploy.reach.server import Server
from pgdeploy.secret.reference import Secret
from tests.conftest import cluster
from tests.probes.shop import OBJECTS, SECRETS, SPEC, World, make

GALAXY = "grant[shop: SELECT, INSERT on table sky.galaxy to app]"


class As(Server):
    """A cluster, reached as another user than its superuser."""

    def __init__(self, server: Server, user: str, password: str) -> None:
        self._server, self._user, self._password = server, user, Secret(password)
        self.address = server.address

    def open(self, database: str | None = None, **keywords: Any) -> Any:
        mine = {"user": self._user, "password": self._password}
        return self._server.open(database, **{**mine, **keywords})


@pytest.fixture
def clerk(shop: World) -> Iterator[As]:
    """Somebody who may look everywhere and be nobody else but app."""
    shop.run(
        "CREATE ROLE clerk LOGIN PASSWORD 'x' IN ROLE app; GRANT CONNECT ON DATABASE shop TO clerk", None
    )
    yield As(shop.server, "clerk", "x")
    shop.run("REVOKE ALL ON DATABASE shop FROM clerk; DROP ROLE clerk", None)


def test_without_superuser_what_cannot_be_tried_is_asked(shop: World, clerk: As) -> None:
    found = shop.probe(clerk)
    assert not [key for key, finding in found.items() if finding.verdict is Verdict.DRIFTS]
    with shop.broken("REVOKE SELECT ON sky.galaxy FROM app; GRANT SELECT (mass) ON sky.galaxy TO readers"):
        found = shop.probe(clerk)
    assert found[f"{GALAXY}.works"].verdict is Verdict.DRIFTS
    assert (
        found['grant[shop: SELECT on table sky.galaxy (id, "na\\"me") to readers].stops_there'].verdict
        is Verdict.DRIFTS
    )
    by_maker = found["default_privilege[shop: maker in schema sky: SELECT on tables to dump].reaches"]
    assert by_maker.verdict is Verdict.INAPPLICABLE
    assert by_maker.reason == 'maker cannot make a table: permission denied to set role "maker"'
    assert found["role[app].logs_in"].reason.startswith("no password is tried, as it might lock an account")
    assert found[f"{GALAXY}.works"].desired == "works (asked of has_table_privilege(), tried as app)"
    lines = [f"grant[shop: {line} to dump].works" for line in ("SELECT on all tables in schema sky",)]
    assert all("clerk may not SET ROLE to dump" in found[line].desired for line in lines)
    by_app = found['default_privilege[shop: maker, app: ALL on sequences to "a\\"b; DROP"].reaches']
    assert by_app.verdict is Verdict.CONFORMS
    assert by_app.note.startswith("not tried: maker cannot make a sequence")


def test_a_lock_on_a_table_is_not_waited_for(shop: World) -> None:
    holder = shop.server.open("shop")
    try:
        holder.execute("BEGIN; LOCK sky.galaxy IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        found = shop.probe()
        assert time.monotonic() - started < 15
    finally:
        holder.close()
    assert found[f"{GALAXY}.works"].verdict is Verdict.CONFORMS


def test_a_database_that_lets_nobody_in(shop: World) -> None:
    with shop.broken(
        "ALTER DATABASE shop ALLOW_CONNECTIONS off", "ALTER DATABASE shop ALLOW_CONNECTIONS on", None
    ):
        found = shop.probe()
    in_shop = [
        finding for key, finding in found.items() if key.startswith(("grant[shop", "default_privilege[shop"))
    ]
    assert in_shop
    assert {finding.verdict for finding in in_shop} == {Verdict.BLOCKED}
    assert found["role[dump].reads_everything"].verdict is Verdict.BLOCKED


def test_a_standby_is_asked_and_nothing_is_made_on_it(
    load: Callable[[str, int], Target], secrets: None
) -> None:
    for server in cluster(16):
        world = make(load(SPEC, 16), server, OBJECTS, "shop")
        server.stop()
        (server.data / "standby.signal").touch()
        server._give_to_server(server.data / "standby.signal")
        server.start()
        found = world.probe()
    verdicts = {key: finding.verdict for key, finding in found.items()}
    assert Verdict.DRIFTS not in verdicts.values()
    assert Verdict.UNREADABLE not in verdicts.values()
    assert verdicts[f"{GALAXY}.works"] is Verdict.CONFORMS
    assert verdicts["role[app].logs_in"] is Verdict.CONFORMS
    made = [finding for key, finding in found.items() if key.startswith("default_privilege")]
    assert {finding.verdict for finding in made} == {Verdict.INAPPLICABLE}
    assert made[0].reason == "this server is a standby: nothing can be made on it to try"


def test_no_secret_is_shown(shop: World) -> None:
    with shop.broken("ALTER SYSTEM SET log_statement = 'all'; ", "ALTER SYSTEM RESET ALL", None):
        shop.run("SELECT pg_reload_conf()", None)
        shop.run("ALTER ROLE app PASSWORD 'other'", None)
        found = shop.probe()
    shown = repr(found) + shop.server.log.read_text()
    assert found["role[app].logs_in"].verdict is Verdict.DRIFTS
    assert not [who for who, secret in SECRETS.items() if secret in shown or secret[:11] in shown]
