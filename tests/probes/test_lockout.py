"""Facts that lock a role out whatever its way in: red though we come by the socket, and no login is tried for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.target import Target
from pgdeploy.reach.embedded import Cluster
from tests.probes.shop import World, clear, make

SPEC = """
postgres: 16
undeclared: {attributes: ignore}
roles:
  keeper: {}
  app: {login: true, password: {env: PROBE_APP}}
  groups: {login: false}
  reader: {login: true, password: {env: PROBE_READER}, member_of: [groups]}
  idle: {login: true, password: {env: PROBE_DUMP}, connection_limit: 0}
  ended: {login: true, password: {env: PROBE_ENDED}, valid_until: 2020-01-01}
  guest: {login: true, password: {env: PROBE_SHUT}}
databases:
  shop:
    owner: keeper
    schemas: {sky: {owner: keeper}}
    grants:
      - {grant: [USAGE], on: {schema: sky}, to: [app, groups]}
  vault:
    owner: keeper
    grants:
      - {revoke: [ALL], on: database, from: [PUBLIC]}
      - {grant: [TEMPORARY], on: database, to: [guest]}
"""

APP, READER, GUEST = (f"role[{role}].logs_in" for role in ("app", "reader", "guest"))


@pytest.fixture(scope="module", params=[14, 16, 18])
def world(request: pytest.FixtureRequest, load: Callable[[str, int], Target]) -> Iterator[World]:
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    target = load(SPEC, request.param)
    try:
        yield make(target, server, "", "shop")
    finally:
        clear(server, target)


def _logins(world: World) -> dict[str, Finding]:
    return {key: finding for key, finding in world.probe().items() if key.endswith(".logs_in")}


def _failed(world: World) -> int:
    return world.server.log.read_text().count("FATAL: ")


def test_what_is_right_is_green_and_what_the_spec_asks_for_is_not_tried(world: World) -> None:
    found = _logins(world)
    assert {key for key, one in found.items() if one.verdict is Verdict.CONFORMS} == {APP, READER, GUEST}
    assert {key: one.reason for key, one in found.items() if one.verdict is Verdict.INAPPLICABLE} == {
        "role[idle].logs_in": "the spec gives it no connection: connection_limit: 0",
        "role[ended].logs_in": "the spec ended its password: valid_until: 2020-01-01",
    }


LOCKED = {
    "ALTER ROLE app VALID UNTIL '2001-02-03'": (
        "ALTER ROLE app VALID UNTIL 'infinity'",
        {APP: "its password ended on 2001-02-03 00:00:00+00:00"},
    ),
    "ALTER ROLE app CONNECTION LIMIT 0": (
        "ALTER ROLE app CONNECTION LIMIT -1",
        {APP: "its connection limit is 0"},
    ),
    "ALTER DATABASE shop CONNECTION LIMIT 0": (
        "ALTER DATABASE shop CONNECTION LIMIT -1",
        dict.fromkeys((APP, READER), "the connection limit of shop is 0"),
    ),
    "REVOKE CONNECT ON DATABASE shop FROM PUBLIC": (
        "GRANT CONNECT ON DATABASE shop TO PUBLIC",
        dict.fromkeys((APP, READER), "it has no CONNECT on shop"),
    ),
}


@pytest.mark.parametrize("text", LOCKED)
def test_what_locks_a_role_out_is_red_without_a_try(world: World, text: str) -> None:
    undo, expected = LOCKED[text]
    before = _failed(world)
    _logins(world)
    usual = _failed(world) - before
    with world.broken(text, undo, None):
        before = _failed(world)
        found = _logins(world)
        tried = _failed(world) - before
    red = {key: one.actual for key, one in found.items() if one.verdict is Verdict.DRIFTS}
    assert red == {key: f"locked out: {why}" for key, why in expected.items()}
    assert tried == usual
    assert {one.verdict for key, one in _logins(world).items() if key in expected} == {Verdict.CONFORMS}


def test_a_database_that_is_closed_blocks_the_logins_that_are_meant_for_it(world: World) -> None:
    with world.broken(
        "ALTER DATABASE shop ALLOW_CONNECTIONS false", "ALTER DATABASE shop ALLOW_CONNECTIONS true", None
    ):
        found = _logins(world)
    assert {key for key, one in found.items() if one.verdict is Verdict.BLOCKED} == {APP, READER}
