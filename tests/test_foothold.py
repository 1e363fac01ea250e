"""A plan takes nothing from the login that makes it without which the rest could be neither made nor proved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing

SPEC = """
postgres: {major}
undeclared: {{roles: ignore}}
roles:
  keeper: {{}}
  app: {{login: true}}
databases:
  shop:
    owner: keeper
    grants:
      - {{revoke: [CONNECT, TEMPORARY], on: database, from: [PUBLIC]}}
      - {{grant: [CONNECT], on: database, to: [app]}}
"""

REVOKED = "grant[shop: CONNECT, TEMPORARY on database from PUBLIC].revoked"


@pytest.fixture(params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    _run(server, "CREATE ROLE boss LOGIN CREATEROLE CREATEDB PASSWORD 'known'")
    try:
        yield server
    finally:
        _run(server, "DROP DATABASE IF EXISTS shop WITH (FORCE)", "DROP ROLE IF EXISTS app, keeper, boss")


def _run(server: Cluster, *texts: str) -> None:
    with closing(server.open()) as connection:
        for text in texts:
            connection.execute(text.encode())


def _gate(server: Cluster, folder: Path, *changes: tuple[str, str], root: bool = False) -> Gate:
    with closing(server.open()) as connection:
        major = connection.info.server_version // 10000
    file = folder / "shop.yaml"
    text = SPEC.format(major=major)
    for change in changes:
        text = text.replace(*change)
    file.write_text(text)
    dsn = server.dsn if root else f"{server.dsn} user=boss password=known"
    return Gate(load_target(file), ConnectionOptions(dsn=dsn))


def _stuck(gate: Gate) -> dict[str, str]:
    return {finding.check.id: finding.remedy.text for finding in gate.plan().stuck}


def test_the_last_connect_of_ours_is_not_taken(server: Cluster, tmp_path: Path) -> None:
    gate = _gate(server, tmp_path)
    planned = gate.plan()
    assert not any("REVOKE CONNECT" in one.text for change in planned.changes for one in change.statements)
    gate.apply(planned)
    # all else is made, and can be read
    after = gate.plan()
    assert (after.changes, after.unreadable) == ((), ())
    stuck = _stuck(gate)
    assert stuck.keys() == {REVOKED}
    assert stuck[REVOKED].startswith("boss makes this plan, and would lose CONNECT on shop by it")
    gate.close()
    # a superuser loses nothing
    root = _gate(server, tmp_path, root=True)
    assert _stuck(root) == {}
    root.apply(root.plan())
    assert root.plan().changes == ()


BOSS = "  boss: {login: true, createrole: true, createdb: true, member_of: [team]}\n  team: {}\n"


@pytest.mark.parametrize("to", ["boss", "team"])
def test_it_is_taken_where_the_spec_gives_it_to_us(server: Cluster, tmp_path: Path, to: str) -> None:
    _run(server, "CREATE ROLE team ROLE boss")
    declared, given = (
        ("  app: {login: true}\n", f"  app: {{login: true}}\n{BOSS}"),
        ("to: [app]", f"to: [app, {to}]"),
    )
    try:
        gate = _gate(server, tmp_path, declared, given)
        gate.apply(gate.plan())
        after = gate.plan()
        assert (after.changes, after.stuck, after.unreadable) == ((), (), ())
        gate.close()
    finally:
        _run(server, "DROP DATABASE IF EXISTS shop WITH (FORCE)", "DROP ROLE team")


DEMOTED = {
    "{login: true, createrole: true}": ("createdb", "CREATEDB"),
    "{login: true, createdb: true}": ("createrole", "CREATEROLE"),
    "{login: false, createdb: true, createrole: true}": ("login", "LOGIN"),
    "{login: true, createdb: true, createrole: true, connection_limit: 0}": (
        "connection_limit",
        "all its connections",
    ),
    "{login: true, createdb: true, createrole: true, valid_until: 2001-01-01}": (
        "valid_until",
        "its password",
    ),
    "{state: absent}": ("absent", "its role"),
}


@pytest.mark.parametrize("body", DEMOTED)
def test_the_login_that_makes_the_plan_is_not_demoted(server: Cluster, tmp_path: Path, body: str) -> None:
    field, lost = DEMOTED[body]
    change = ("  app: {login: true}\n", f"  app: {{login: true}}\n  boss: {body}\n")
    gate = _gate(server, tmp_path, change)
    gate.apply(gate.plan())
    after = gate.plan()
    assert (after.changes, after.unreadable) == ((), ())
    assert (
        _stuck(gate)[f"role[boss].{field}"]
        == f"boss makes this plan, and would lose {lost} by it: apply as another login"
    )
    gate.close()
