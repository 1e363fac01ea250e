"""A role cannot hold a gate up by what it may say of itself: its own settings, its own verifier."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.errors import ProgramLimitExceeded

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.role import PASSWORDS
from pgdeploy.layers.server.setting import STORED_SETTINGS
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.scram import MOST_ITERATIONS

SPEC = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  app: {{login: true, password: {{env: HELD_UP}}, settings: {{application_name: {value}}}}}
"""


@pytest.fixture(params=["server14", "server18"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("HELD_UP", "secret")
    server: Cluster = request.getfixturevalue(request.param)
    with server.open() as connection:
        connection.execute("CREATE ROLE app LOGIN")
    yield server
    with server.open() as connection:
        connection.execute("DROP ROLE app")


def _target(server: Cluster, folder: Path, value: str = "x") -> Target:
    with server.open() as connection:
        major = connection.info.server_version // 10000
    (folder / "x.yaml").write_text(SPEC.format(major=major, value=value))
    return load_target(folder / "x.yaml")


def _found(server: Cluster, target: Target) -> dict[str, tuple[Verdict, str]]:
    facts = target.read(server)
    findings = [evaluate(check, facts) for check in target.checks]
    return {finding.check.id: (finding.verdict, finding.actual) for finding in findings}


def test_a_setting_of_any_length_is_read_up_to_a_length(server: Cluster, tmp_path: Path) -> None:
    with server.open() as connection:
        connection.execute("SET SESSION AUTHORIZATION app")
        for scope in ("", "IN DATABASE postgres"):
            connection.execute(
                f"DO $$ BEGIN EXECUTE 'ALTER ROLE app {scope} SET application_name = '"
                " || quote_literal(repeat('x', 3000000)); END $$".encode()
            )
    target = _target(server, tmp_path)
    rows = target.read(server).rows(STORED_SETTINGS)
    assert {len(row.value) for row in rows if row.role == "app"} == {65536}
    assert _found(server, target)["role[app].settings[application_name]"][0] is Verdict.DRIFTS


def test_a_verifier_of_any_length_is_read_up_to_a_length(server: Cluster, tmp_path: Path) -> None:
    """From 18 the server takes none of more than 512 bytes."""
    target = _target(server, tmp_path)
    salt, key = b64encode(b"x" * 300_000).decode(), b64encode(b"x" * 32).decode()
    given = f"ALTER ROLE app PASSWORD 'SCRAM-SHA-256$4096:{salt}${key}:{key}'".encode()
    with server.open() as connection:
        if target.spec.postgres >= 18:
            with pytest.raises(ProgramLimitExceeded):
                connection.execute(given)
            return
        connection.execute(given)
    assert {len(row.stored) for row in target.read(server).rows(PASSWORDS) if row.name == "app"} == {65536}
    assert _found(server, target)["role[app].password"] == (Verdict.DRIFTS, "another password")


def test_a_verifier_of_very_many_iterations_is_not_computed(server: Cluster, tmp_path: Path) -> None:
    salt, key = b64encode(b"x" * 16).decode(), b64encode(b"x" * 32).decode()
    with server.open() as connection:
        # the server itself hashes a password that often to see whether it is empty
        connection.execute(
            f"ALTER ROLE app PASSWORD 'SCRAM-SHA-256${MOST_ITERATIONS + 1}:{salt}${key}:{key}'".encode()
        )
    said = "a verifier of 1,000,001 iterations; more than 1,000,000 are not computed"
    assert _found(server, _target(server, tmp_path))["role[app].password"] == (Verdict.DRIFTS, said)


@pytest.mark.parametrize("where", ["role", "database"])
def test_no_spec_asks_for_a_value_that_is_not_read_whole(tmp_path: Path, where: str) -> None:
    text = SPEC.format(major=16, value="x" * 20_001)
    if where == "database":
        text = f"postgres: 16\ndatabases: {{shop: {{settings: {{application_name: {'x' * 20_001}}}}}}}\n"
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(SpecError, match="application_name: longer than 20,000 characters; shorten it"):
        load_target(tmp_path / "x.yaml")
