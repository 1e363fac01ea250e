"""A database that lets nobody in, or not us: one check says why, all that would look into it wait for that one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing

SPEC = """
postgres: {major}
undeclared: {{roles: ignore}}
roles:
  keeper: {{}}
  teller: {{login: true, password: {{env: SHUT_TELLER}}}}
  dumper: {{login: true, purpose: backup}}
  boss: {{login: true, createrole: true, createdb: true, password: {{env: SHUT_TELLER}}{member}}}
databases:
  shop:
    owner: keeper
    schemas:
      sky: {{owner: keeper}}
    extensions:
      plpgsql: {{}}
    ownership:
      - {{on: {{schema: sky, all: tables}}, owner: keeper}}
    grants:
      - {{revoke: [ALL], on: database, from: [PUBLIC]}}
      - {{grant: [CONNECT], on: database, to: [teller, dumper, boss]}}
      - {{grant: [USAGE], on: {{schema: sky}}, to: [teller, dumper]}}
      - {{grant: [SELECT], on: {{schema: sky, all: tables}}, to: [teller, dumper]}}
    default_privileges:
      - {{for: keeper, grant: [SELECT], on: tables, to: [teller]}}
"""

SECRET = "secret"
ATTRIBUTES = "database[shop].undeclared_attributes"
CONNECT = "grant[shop: CONNECT on database to teller, dumper, boss].granted"
INSIDE = ("grant[shop", "default_privilege[shop", "schema[shop", "ownership[shop", "extension[shop")


@pytest.fixture(params=[14, 16, 18])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("SHUT_TELLER", SECRET)
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    try:
        yield server
    finally:
        _run(server, "DROP DATABASE IF EXISTS shop WITH (FORCE)")
        for role in ("keeper", "teller", "dumper", "boss"):
            _run(server, f"DROP ROLE IF EXISTS {role}")


def _run(server: Cluster, *texts: str, database: str | None = None) -> None:
    with closing(server.open(database)) as connection:
        for text in texts:
            connection.execute(text.encode())


def _gate(server: Cluster, folder: Path, change: tuple[str, str] = ("", ""), user: str = "") -> Gate:
    with closing(server.open()) as connection:
        major = connection.info.server_version // 10000
    file = folder / "shop.yaml"
    # so that it may act as the owner, and has none of its privileges
    member = ", member_of: [{role: keeper, admin: true, inherit: false, set: false}]" if major >= 16 else ""
    file.write_text(SPEC.format(major=major, member=member).replace(*change))
    dsn = f"{server.dsn} user={user} password={SECRET}" if user else server.dsn
    return Gate(load_target(file), ConnectionOptions(dsn=dsn))


def _ask(gate: Gate) -> dict[str, Finding]:
    gate.read()
    return {check.id: gate.evaluate(check) for check in gate.checks}


def _made(server: Cluster, folder: Path, change: tuple[str, str] = ("", "")) -> Gate:
    """A gate that is all green."""
    gate = _gate(server, folder, change)
    gate.apply(gate.plan())
    _run(server, "CREATE TABLE sky.star (id int)", database="shop")
    gate.apply(gate.plan())
    _prove_green(gate)
    return gate


def _prove_green(gate: Gate) -> None:
    found = _ask(gate).values()
    wrong = {one.check.id: one.reason or one.actual for one in found if not _is_well(one)}
    assert wrong == {}
    assert gate.plan().changes == ()


def _is_well(finding: Finding) -> bool:
    return finding.verdict in (Verdict.CONFORMS, Verdict.INAPPLICABLE)


def _statements(gate: Gate) -> list[str]:
    return [statement.text for change in gate.plan().changes for statement in change.statements]


@pytest.mark.parametrize("written", [False, True])
def test_a_database_closed_by_hand_is_one_red_and_the_rest_waits(
    server: Cluster, tmp_path: Path, written: bool
) -> None:
    change = (
        ("    owner: keeper\n", "    owner: keeper\n    allow_connections: true\n") if written else ("", "")
    )
    red = "database[shop].allow_connections" if written else ATTRIBUTES
    gate = _made(server, tmp_path, change)
    _run(server, "ALTER DATABASE shop ALLOW_CONNECTIONS false")
    found = _ask(gate)
    assert {key for key, one in found.items() if one.verdict is Verdict.DRIFTS} == {red}
    assert not [key for key, one in found.items() if one.verdict is Verdict.UNREADABLE]
    waiting = {one.reason for one in found.values() if one.verdict is Verdict.BLOCKED}
    assert waiting == {f"{red}: database shop allows no connections"}
    # what the catalogue of the whole server says of the database is asked all the same
    still = {key for key, one in found.items() if _is_well(one) and key.startswith(INSIDE)}
    assert {key.partition(" on ")[2] for key in still} == {
        "database from PUBLIC].revoked",
        "database to teller, dumper, boss].granted",
    }
    assert found["role[dumper].reads_everything"].verdict is Verdict.BLOCKED
    assert _statements(gate) == ['ALTER DATABASE "shop" WITH ALLOW_CONNECTIONS true']
    planned = gate.plan()
    assert planned.unreadable == ()
    gate.apply(planned)
    _prove_green(gate)


def test_what_else_is_wrong_in_it_is_mended_when_it_is_open(server: Cluster, tmp_path: Path) -> None:
    gate = _made(server, tmp_path)
    _run(server, "REVOKE SELECT ON sky.star FROM teller", database="shop")
    _run(server, "ALTER DATABASE shop ALLOW_CONNECTIONS false")
    made = gate.apply(gate.plan())
    assert [statement.text for change in made.changes for statement in change.statements] == [
        'ALTER DATABASE "shop" WITH ALLOW_CONNECTIONS true',
        'GRANT SELECT ON ALL TABLES IN SCHEMA "sky" TO "teller"',
    ]
    _prove_green(gate)


def test_a_database_that_the_spec_leaves_alone_is_one_error_and_not_green(
    server: Cluster, tmp_path: Path
) -> None:
    """With `attributes: ignore` no check drifts: one says why nothing can be said of the rest."""
    gate = _made(server, tmp_path, ("roles: ignore", "roles: ignore, attributes: ignore"))
    _run(server, "ALTER DATABASE shop ALLOW_CONNECTIONS false")
    found = _ask(gate)
    errors = {key: one.reason for key, one in found.items() if one.verdict is Verdict.UNREADABLE}
    assert errors == {"grant[shop].undeclared": "database shop allows no connections"}
    assert not [key for key, one in found.items() if one.verdict is Verdict.DRIFTS]
    assert gate.plan().unreadable
    _run(server, "ALTER DATABASE shop ALLOW_CONNECTIONS true")
    _prove_green(gate)


LOST = {
    "connection limit 0": (
        "ALTER DATABASE shop CONNECTION LIMIT 0",
        ATTRIBUTES,
        'too many connections for database "shop"',
    ),
    "CONNECT": (
        "REVOKE CONNECT ON DATABASE shop FROM boss",
        CONNECT,
        'permission denied for database "shop"',
    ),
}


@pytest.mark.parametrize("by", LOST)
def test_a_login_without_superuser_that_is_shut_out_says_so_once(
    server: Cluster, tmp_path: Path, by: str
) -> None:
    text, red, why = LOST[by]
    _made(server, tmp_path).close()
    gate = _gate(server, tmp_path, user="boss")
    gate.checks = tuple(check for check in gate.checks if check.id.startswith((*INSIDE, "database[")))
    _run(server, text)
    found = _ask(gate)
    drifts = {key for key, one in found.items() if one.verdict is Verdict.DRIFTS}
    assert drifts == {red}
    assert not [key for key, one in found.items() if one.verdict is Verdict.UNREADABLE]
    assert {one.reason for one in found.values() if one.verdict is Verdict.BLOCKED and why in one.reason}
    assert not [key for key, one in found.items() if one.verdict is Verdict.BLOCKED and why not in one.reason]
    planned = gate.plan()
    assert {cause for change in planned.changes for cause in change.causes} == {red}
    gate.apply(planned)
    assert {one.verdict for one in _ask(gate).values()} <= {Verdict.CONFORMS, Verdict.INAPPLICABLE}


def test_connect_that_the_spec_does_not_give_us_is_one_error(server: Cluster, tmp_path: Path) -> None:
    change = ("to: [teller, dumper, boss]", "to: [teller, dumper]")
    _made(server, tmp_path, change).close()
    gate = _gate(server, tmp_path, change, user="boss")
    gate.checks = tuple(check for check in gate.checks if check.id.startswith((*INSIDE, "database[")))
    found = _ask(gate)
    errors = {key: one.reason for key, one in found.items() if one.verdict is Verdict.UNREADABLE}
    assert errors.keys() == {"grant[shop].undeclared"}
    assert 'permission denied for database "shop"' in errors["grant[shop].undeclared"]
