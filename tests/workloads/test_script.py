"""Scripts of the real pgbench."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach import program
from pgdeploy.reach.embedded import Cluster
from tests.workloads.shop import ORDERS, PASSWORD, SPEC, run, shop

SCRIPT = """\
  scripts:
    orders:
      database: shop
      role: app
      clients: 4
      duration: 1s
      script: |
        \\set id random(1, 20000)
        SELECT * FROM app.orders WHERE id = :id;
      throughput: 10
      median: 500ms
      p99: 2s
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in shop():
        run(made, "shop", *ORDERS)
        yield made


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKLOAD_PASSWORD", PASSWORD)


def findings(server: Cluster, folder: Path, old: str = "", new: str = "") -> Mapping[str, Finding]:
    """What the checks of the script find, by field, with something of it changed."""
    file = folder / "town.yaml"
    file.write_text(SPEC + SCRIPT.replace(old, new) if old else SPEC + SCRIPT)
    gate = Gate(load_target(file), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("workload")
    return {finding.check.field: finding for finding in gate.ask()}


def red(found: Mapping[str, Finding]) -> list[str]:
    return [field for field, finding in found.items() if finding.verdict is Verdict.DRIFTS]


def test_what_holds_is_green(server: Cluster, tmp_path: Path) -> None:
    found = findings(server, tmp_path)
    assert {field: finding.verdict for field, finding in found.items()} == dict.fromkeys(
        ("runs", "throughput", "time"), Verdict.CONFORMS
    )
    measured = found["throughput"].measured
    assert measured is not None
    assert (measured.unit, measured.at_least) == ("1/s", 10)
    assert measured.value > 10
    assert found["time"].origin.endswith(" transactions of 4 clients")


def test_too_few_transactions_and_slow_ones(server: Cluster, tmp_path: Path) -> None:
    found = findings(server, tmp_path, "throughput: 10", "throughput: 10000000")
    assert red(found) == ["throughput"]
    assert found["throughput"].origin == "4 clients over 1s"
    slow = findings(server, tmp_path, "WHERE id = :id", "WHERE id = :id AND pg_sleep(0.05) IS NOT NULL")
    assert red(slow) == []
    slower = findings(server, tmp_path, "median: 500ms", "median: 1us")
    assert red(slower) == ["time"]


def test_a_session_for_each_transaction(server: Cluster, tmp_path: Path) -> None:
    """So a pool that is not there shows: connecting takes longer than the statement."""
    pooled = findings(server, tmp_path, "clients: 4", "clients: 4\n      timeout: 5s")
    alone = findings(server, tmp_path, "clients: 4", "clients: 4\n      reconnect: true")
    assert red(pooled) == red(alone) == []
    before, after = pooled["throughput"].measured, alone["throughput"].measured
    assert before is not None
    assert after is not None
    assert after.value < before.value


def test_a_script_is_stopped_when_a_threshold_is_crossed(server: Cluster, tmp_path: Path) -> None:
    """Its own clients cross it."""
    limits = "p99: 2s\nthresholds: {connections: {used: 50%}}"
    found = findings(server, tmp_path, "p99: 2s", limits)
    assert red(found) == []
    script = SCRIPT.replace("clients: 4", "clients: 40").replace("duration: 1s", "duration: 60s")
    started = time.monotonic()
    found = findings(server, tmp_path, SCRIPT, script.replace("p99: 2s", limits))
    assert time.monotonic() - started < 30
    assert found["runs"].verdict is Verdict.UNREADABLE
    assert found["runs"].reason.startswith(
        "stopped, to spare the server: threshold[connections].used drifts: "
    )
    while _clients(server):
        assert time.monotonic() - started < 35
        time.sleep(0.1)


def _clients(server: Cluster) -> int:
    with server.open() as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'").fetchone()
    return int(str(row[0])) if row is not None else 0


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("DELETE FROM app.orders;", "ERROR:  cannot execute DELETE in a read-only transaction"),
        ("SELECT * FROM app.gone;", 'ERROR:  relation "app.gone" does not exist'),
        ("SELECT pg_sleep(60);", "ERROR:  canceling statement due to statement timeout"),
        ("\\sett id 1", 'script:2: invalid command in command "sett"'),
    ],
)
def test_what_the_server_or_pgbench_refuses(new: str, said: str, server: Cluster, tmp_path: Path) -> None:
    old = "SELECT * FROM app.orders WHERE id = :id;"
    found = findings(server, tmp_path, old, f"{new}\n      timeout: 300ms")
    assert red(found) == ["runs"]
    assert said in found["runs"].actual
    assert {finding.verdict for finding in found.values()} == {Verdict.DRIFTS, Verdict.BLOCKED}
    assert PASSWORD not in str([(finding.actual, finding.reason) for finding in found.values()])


def test_without_pgbench_nothing_is_green(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_INSTALLED", ())
    monkeypatch.setattr(program, "wheel_bin", lambda _: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = findings(server, tmp_path)
    assert found["runs"].verdict is Verdict.UNREADABLE
    assert found["runs"].reason == "pgbench is not installed here; it comes with PostgreSQL's client programs"
    assert found["time"].verdict is Verdict.BLOCKED


def test_a_name_is_used_once(tmp_path: Path) -> None:
    file = tmp_path / "town.yaml"
    file.write_text(SPEC + SCRIPT + "  statements: {orders: {database: shop, role: app, sql: SELECT 1}}\n")
    with pytest.raises(SpecError, match="a statement has this name, too; name them differently"):
        load_target(file)


@pytest.mark.parametrize("line", ["\\shell touch seen", "  \\setshell id echo 1", "\\SHELL id"])
def test_a_script_runs_no_command_here(line: str, tmp_path: Path) -> None:
    file = tmp_path / "town.yaml"
    file.write_text(SPEC + SCRIPT.replace("\\set id random(1, 20000)", line.strip()))
    with pytest.raises(SpecError, match=r"(?i)orders\.script: .*shell would run a command on this machine"):
        load_target(file)
