"""Workloads that write: in a database of their own, which is gone after them, whatever happens."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers import layer_of
from pgdeploy.layers.workload.baseline import measure
from pgdeploy.layers.workload.regression import verdicts as verdicts_of
from pgdeploy.layers.workload.scratch import PREFIX
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from tests.workloads.shop import ORDERS, PASSWORD, SPEC, run, shop

WRITES = """\
  statements:
    insert:
      database: shop
      role: app
      writes: true
      prepare: |
        CREATE SCHEMA app;
        CREATE TABLE app.orders (id int PRIMARY KEY, note text);
      sql: INSERT INTO app.orders SELECT max(id) + 1 FROM (SELECT id FROM app.orders UNION ALL SELECT 0) o
      rounds: 5
      median: 1s
  scripts:
    update:
      database: shop
      role: app
      writes: true
      prepare: CREATE TABLE counters AS SELECT g AS id, 0 AS n FROM generate_series(1, 100) g
      clients: 2
      duration: 1s
      script: |
        \\set id random(1, 100)
        UPDATE counters SET n = n + 1 WHERE id = :id;
      throughput: 1
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in shop():
        run(made, "shop", *ORDERS)
        run(made, "postgres", "CREATE ROLE narrow LOGIN PASSWORD 'n'; GRANT pg_monitor TO narrow")
        yield made


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKLOAD_PASSWORD", PASSWORD)


def spec(folder: Path, old: str = "", new: str = "") -> Path:
    file = folder / "town.yaml"
    file.write_text(SPEC + (WRITES.replace(old, new) if old else WRITES))
    return file


def findings(server: Server, file: Path) -> Mapping[str, Finding]:
    gate = Gate(load_target(file), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("workload")
    return {finding.check.id.removeprefix("workload"): finding for finding in gate.ask()}


def verdicts(found: Mapping[str, Finding]) -> set[Verdict]:
    return {finding.verdict for finding in found.values()}


def left(server: Cluster) -> list[str]:
    with server.open() as connection:
        rows = connection.execute(b"SELECT datname FROM pg_database WHERE datname ~ 'pgdeploy_'").fetchall()
    return [str(name) for (name,) in rows]


def test_it_writes_into_nothing_of_the_application(server: Cluster, tmp_path: Path) -> None:
    found = findings(server, spec(tmp_path))
    assert verdicts(found) == {Verdict.CONFORMS}, found
    assert left(server) == []
    with server.open("shop") as connection:
        assert connection.execute("SELECT count(*) FROM app.orders").fetchone() == (20_000,)


@pytest.mark.parametrize(
    ("old", "new", "red", "said"),
    [
        ("id int PRIMARY KEY", "id int CHECK (id < 0)", "[insert].runs", "violates check constraint"),
        ("SET n = n + 1", "SET m = 1", "[update].runs", 'column "m" of relation "counters" does not exist'),
    ],
)
def test_what_fails_leaves_nothing(
    old: str, new: str, red: str, said: str, server: Cluster, tmp_path: Path
) -> None:
    found = findings(server, spec(tmp_path, old, new))
    assert [name for name, one in found.items() if one.verdict is Verdict.DRIFTS] == [red]
    assert said in found[red].actual
    assert left(server) == []


def test_what_cannot_be_prepared_is_not_green(server: Cluster, tmp_path: Path) -> None:
    found = findings(server, spec(tmp_path, "id int PRIMARY KEY", "id integr"))
    assert found["[insert].runs"].verdict is Verdict.UNREADABLE
    assert found["[insert].runs"].reason == 'prepare fails: type "integr" does not exist'
    narrow = findings(DsnServer(f"{server.dsn} user=narrow password=n"), spec(tmp_path))
    assert verdicts(narrow) == {Verdict.UNREADABLE, Verdict.BLOCKED}
    assert narrow["[insert].runs"].reason == (
        "no database for what the workload writes: permission denied to create database"
    )
    assert left(server) == []


def test_what_a_kill_left_is_dropped_by_the_next_and_nothing_else(server: Cluster, tmp_path: Path) -> None:
    run(server, "postgres", f"CREATE DATABASE {PREFIX}77")  # somebody else's: without our mark
    file = spec(tmp_path, "SELECT max", "SELECT pg_sleep(9)::text::int + max")
    command = [
        sys.executable,
        "-m",
        "pgdeploy",
        "check",
        str(file),
        "--layer",
        "workload",
        "--dsn",
        server.dsn,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        end = time.monotonic() + 20
        while len(left(server)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        running.kill()
    killed = [name for name in left(server) if name != f"{PREFIX}77"]
    assert len(killed) == 1
    while _sessions(server, killed[0]) and time.monotonic() < end:
        time.sleep(0.1)
    assert verdicts(findings(server, spec(tmp_path))) == {Verdict.CONFORMS}
    assert left(server) == [f"{PREFIX}77"]
    run(server, "postgres", f"DROP DATABASE {PREFIX}77")


def _sessions(server: Cluster, database: str) -> bool:
    """Whether the session that holds the lock is still there."""
    with server.open() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s::bigint::oid",
            (database.removeprefix(PREFIX),),
        ).fetchone()
    return row != (0,)


def test_a_baseline_of_what_writes(server: Cluster, tmp_path: Path) -> None:
    target = load_target(spec(tmp_path))
    section = layer_of("workload").of(target.spec)
    first, second = (measure("town", target.spec, section, server) for _ in range(2))
    (verdict,) = verdicts_of(first, second)
    assert verdict.name == "insert"
    assert verdict.word in ("same", "cannot tell", "faster")
    other = load_target(spec(tmp_path, "id int PRIMARY KEY", "id int UNIQUE")).spec
    (verdict,) = verdicts_of(first, measure("town", other, layer_of("workload").of(other), server))
    assert verdict.word == "changed"
    assert left(server) == []


def test_only_what_writes_is_prepared(tmp_path: Path) -> None:
    file = spec(tmp_path, "writes: true", "writes: false")
    with pytest.raises(SpecError, match="only what writes has a database of its own to prepare"):
        load_target(file)
