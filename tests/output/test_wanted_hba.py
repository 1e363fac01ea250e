"""Over a database connection pg_hba.conf is not ours to write: a plan prints the file that would be right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.output.command import run

SPEC = """\
postgres: 16
roles:
  postgres: {superuser: true}
hba:
  - {type: local, database: [all], user: [all], method: trust}
  - {type: host, database: [shop, "two words"], user: [+staff], address: 10.1.0.0/16, method: scram-sha-256}
  - type: host
    database: all
    user: all
    address: samenet
    method: radius
    options: {radiusservers: 10.1.0.9, radiussecrets: {env: SHARED_SECRET}}
"""
SECRET = "not-for-a-plan"
TITLE = "-- the spec's pg_hba.conf, whole, to be put on the server:"


@pytest.fixture
def server() -> Iterator[Cluster]:
    """Of its own, as its pg_hba.conf changes."""
    yield from cluster(16)


def printed(said: str) -> str:
    lines = said.splitlines()
    text = lines[lines.index(TITLE) + 1 :]
    return "".join(line.removeprefix("--   ") + "\n" for line in text[: text.index("")])


def test_what_the_plan_prints_is_what_the_gate_wants(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARED_SECRET", SECRET)
    spec = tmp_path / "shop.yaml"
    spec.write_text(SPEC)
    way = (str(spec), "--dsn", server.dsn)
    code, said = run("plan", *way)
    assert code == 2
    assert SECRET not in said
    wanted = printed(said)
    assert json.loads(run("plan", *way, "--json")[1])["wanted_hba"] == wanted
    (server.data / "pg_hba.conf").write_text(wanted.replace("********", SECRET))
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    code, said = run("plan", *way)
    assert TITLE not in said
    data = json.loads(run("plan", *way, "--json")[1])
    assert data["wanted_hba"] == ""
    assert not [finding["id"] for finding in data["stuck"] if finding["id"].startswith("hba[")]
