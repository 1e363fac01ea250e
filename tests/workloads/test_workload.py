"""Workloads on a real server: each promise is broken by hand, and exactly its check turns red."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster
from tests.workloads.shop import ORDERS, PASSWORD, SPEC, run, shop

ONE = """\
  statements:
    order:
      database: shop
      role: app
      sql: SELECT * FROM app.orders WHERE id = %(id)s
      parameters: {id: 4711}
      rounds: 5
      median: 1s
      p99: 2s
      rows: 1
      buffers: 10
      temp: 0B
      plan: [Index Scan using orders_pkey]
      plan_without: [Seq Scan]
"""
FIELDS = ("runs", "rows", "buffers", "temp", "plan", "plan_without", "time")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    yield from shop()


@pytest.fixture(autouse=True)
def _orders(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WORKLOAD_PASSWORD", PASSWORD)
    run(server, "shop", *ORDERS)
    yield
    run(server, "shop", "DROP TABLE app.orders")


def findings(server: Cluster, workloads: str, folder: Path) -> Mapping[str, Finding]:
    """What the checks find, by workload and field."""
    file = folder / "town.yaml"
    file.write_text(SPEC + workloads)
    gate = Gate(load_target(file), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("workload")
    return {finding.check.id.removeprefix("workload"): finding for finding in gate.ask()}


def red(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict is Verdict.DRIFTS]


def statement(sql: str, more: str = "") -> str:
    return f"  statements:\n    it: {{database: shop, role: app, sql: {json.dumps(sql)}, rounds: 3{more}}}\n"


def test_what_holds_is_green(server: Cluster, tmp_path: Path) -> None:
    found = findings(server, ONE, tmp_path)
    assert list(found) == [f"[order].{field}" for field in FIELDS]
    assert {finding.verdict for finding in found.values()} == {Verdict.CONFORMS}
    measured = found["[order].time"].measured
    assert measured is not None
    assert 0 < measured.value < 1 == measured.at_most


def test_an_index_that_is_gone(server: Cluster, tmp_path: Path) -> None:
    """Buffers and the plan say it, although the time is good all the same."""
    run(server, "shop", "ALTER TABLE app.orders DROP CONSTRAINT orders_pkey")
    found = findings(server, ONE, tmp_path)
    assert red(found) == ["[order].buffers", "[order].plan", "[order].plan_without"]
    assert found["[order].buffers"].origin == "Seq Scan on orders (estimated 1 rows, actual 1)"
    assert found["[order].plan"].actual == "without Index Scan using orders_pkey"
    assert found["[order].plan_without"].actual == "with Seq Scan"


def test_rows_that_are_gone(server: Cluster, tmp_path: Path) -> None:
    run(server, "shop", "DELETE FROM app.orders WHERE id = 4711")
    found = findings(server, ONE, tmp_path)
    assert red(found) == ["[order].rows"]
    assert (found["[order].rows"].desired, found["[order].rows"].actual) == ("1", "0")


def test_a_right_that_is_gone_blocks_the_rest(server: Cluster, tmp_path: Path) -> None:
    run(server, "shop", "ALTER TABLE app.orders OWNER TO postgres")
    found = findings(server, ONE, tmp_path)
    assert red(found) == ["[order].runs"]
    assert found["[order].runs"].actual == "fails: permission denied for table orders"
    assert {finding.verdict for finding in found.values()} == {Verdict.DRIFTS, Verdict.BLOCKED}


def test_temporary_files(server: Cluster, tmp_path: Path) -> None:
    sort = statement("SELECT note, id FROM app.orders ORDER BY note, id DESC", ", temp: 0B")
    assert red(findings(server, sort, tmp_path)) == []
    run(server, "postgres", "ALTER ROLE app SET work_mem = '64kB'")
    try:
        found = findings(server, sort, tmp_path)
    finally:
        run(server, "postgres", "ALTER ROLE app RESET work_mem")
    assert red(found) == ["[it].temp"]
    assert found["[it].temp"].measured is not None
    assert found["[it].temp"].measured.unit == "B"


def test_what_is_slow(server: Cluster, tmp_path: Path) -> None:
    found = findings(server, statement("SELECT pg_sleep(0.03)", ", median: 10ms, p95: 1s"), tmp_path)
    assert red(found) == ["[it].time"]
    finding = found["[it].time"]
    assert finding.desired == "median at most 10ms, p95 at most 1s"
    assert finding.actual.startswith("median 3")
    assert finding.origin == "Result (estimated 1 rows, actual 1)"


def test_what_takes_too_long_is_canceled(server: Cluster, tmp_path: Path) -> None:
    run(server, "postgres", "ALTER ROLE app SET statement_timeout = 0")
    found = findings(server, statement("SELECT pg_sleep(60)", ", timeout: 200ms"), tmp_path)
    assert red(found) == ["[it].runs"]
    assert found["[it].runs"].actual == "fails: canceling statement due to statement timeout"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DELETE FROM app.orders", "fails: cannot execute DELETE in a read-only transaction"),
        (
            "SELECT 1; COMMIT; DELETE FROM app.orders",
            "fails: cannot insert multiple commands into a prepared statement",
        ),
        (
            "COMMIT; DELETE FROM app.orders",
            "fails: cannot insert multiple commands into a prepared statement",
        ),
        (
            "SELECT set_config('transaction_read_only', 'off', false)",
            "fails: transaction read-write mode must be set before any query",
        ),
        ("SELECT * FROM pg_authid", "fails: permission denied for table pg_authid"),
        ("SELEC 1", 'fails: syntax error at or near "SELEC"'),
    ],
)
def test_nothing_is_written_and_nothing_done_that_the_role_may_not(
    sql: str, said: str, server: Cluster, tmp_path: Path
) -> None:
    found = findings(server, statement(sql), tmp_path)
    assert red(found) == ["[it].runs"]
    assert found["[it].runs"].actual.startswith(said)
    with server.open("shop") as connection:
        assert connection.execute("SELECT count(*) FROM app.orders").fetchone() == (20000,)


def test_without_its_password_nothing_is_green(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKLOAD_PASSWORD", "another canary")
    found = findings(server, ONE, tmp_path)
    first, *others = found.values()
    assert first.verdict is Verdict.UNREADABLE
    assert first.reason.startswith("cannot log in as app: ")
    assert "canary" not in str([(finding.reason, finding.actual) for finding in found.values()])
    assert {finding.reason for finding in others} == {"workload[order].runs could not be asked"}
    monkeypatch.delenv("WORKLOAD_PASSWORD")
    assert (
        findings(server, ONE, tmp_path)["[order].runs"].reason == "secret env WORKLOAD_PASSWORD: is not set"
    )


def test_the_budget_is_kept(server: Cluster, tmp_path: Path) -> None:
    two = "  budget: 100ms\n" + statement("SELECT pg_sleep(0.2)") + ONE.replace("  statements:\n", "")
    found = findings(server, two, tmp_path)
    assert found["[it].runs"].verdict is Verdict.CONFORMS
    assert found["[order].runs"].reason == "not run: the budget of 100ms for all workloads was used up"


def test_a_parameter_that_the_database_has(server: Cluster, tmp_path: Path) -> None:
    asked = ONE.replace("{id: 4711}", "{id: {query: SELECT max(id) FROM app.orders}}")
    assert red(findings(server, asked, tmp_path)) == []
    run(server, "shop", "DELETE FROM app.orders WHERE id > 100")
    assert red(findings(server, asked, tmp_path)) == []
    for query, verdict, said in (
        ("SELECT 1, 2", Verdict.UNREADABLE, "the query for parameter id must give one row with one column"),
        (
            "SELECT g FROM generate_series(1, 3) g",
            Verdict.UNREADABLE,
            "the query for parameter id must give one row",
        ),
        (
            "DELETE FROM app.orders RETURNING 1",
            Verdict.DRIFTS,
            "cannot execute DELETE in a read-only transaction",
        ),
        ("COMMIT; SELECT 1", Verdict.DRIFTS, "cannot insert multiple commands into a prepared statement"),
    ):
        found = findings(server, asked.replace("SELECT max(id) FROM app.orders", f"'{query}'"), tmp_path)
        assert found["[order].runs"].verdict is verdict
        assert said in found["[order].runs"].reason + found["[order].runs"].actual


def test_a_parameter_from_a_file(server: Cluster, tmp_path: Path) -> None:
    """The rounds take its lines in turn, which the last one shows; what repeats is asked with the first."""
    ids = tmp_path / "ids.txt"
    ids.write_text("4711\n\n4712\r\nno number")
    asked = ONE.replace("{id: 4711}", "{id: {file: ids.txt}}")
    assert red(findings(server, asked.replace("rounds: 5", "rounds: 1"), tmp_path)) == []
    found = findings(server, asked, tmp_path)
    assert red(found) == ["[order].time"]
    assert 'invalid input syntax for type integer: "no number"' in found["[order].time"].actual
    for text, said in ((b"\n", "has no values; write one a line"), (b"\xff", "cannot be read: ")):
        ids.write_bytes(text)
        found = findings(server, asked, tmp_path)
        assert found["[order].runs"].verdict is Verdict.UNREADABLE
        assert f"file {ids} for parameter id {said}" in found["[order].runs"].reason
    ids.unlink()
    reason = findings(server, asked, tmp_path)["[order].runs"].reason
    assert reason.endswith("(a relative path counts from the folder of the spec that says it)")


def test_settings_that_decide_about_plans_are_shown(server: Cluster, tmp_path: Path) -> None:
    run(server, "postgres", "ALTER ROLE app SET random_page_cost = 1.5")
    try:
        found = findings(server, ONE, tmp_path)
    finally:
        run(server, "postgres", "ALTER ROLE app RESET random_page_cost")
    assert "; with " in found["[order].plan"].origin
    assert "random_page_cost = 1.5" in found["[order].plan"].origin


def test_what_runs_is_stopped_when_a_threshold_is_crossed(server: Cluster, tmp_path: Path) -> None:
    """Others connect while the rounds run."""
    slow = ONE.replace("WHERE id", "WHERE pg_sleep(0.5) IS NOT NULL AND id").replace(
        "rounds: 5", "rounds: 20"
    )
    slow += "thresholds: {connections: {used: 15%}}\n"
    busy: list[psycopg.Connection[tuple[object, ...]]] = []
    crowd = threading.Timer(3, lambda: busy.extend(server.open() for _ in range(12)))
    crowd.start()
    try:
        found = findings(server, slow, tmp_path)
    finally:
        crowd.join()
        for connection in busy:
            connection.close()
    reason = found["[order].time"].reason
    assert reason.startswith("stopped, to spare the server: threshold[connections].used drifts: ")
    assert found["[order].runs"].verdict is Verdict.CONFORMS


def test_nothing_runs_on_a_server_that_is_beyond_a_threshold(server: Cluster, tmp_path: Path) -> None:
    calm = ONE + "thresholds: {connections: {used: 15%}, indexes: {invalid: 0}}\n"
    assert red(findings(server, calm, tmp_path)) == []
    busy = [server.open() for _ in range(12)]
    try:
        found = findings(server, calm, tmp_path)
    finally:
        for connection in busy:
            connection.close()
    assert found["[order].runs"].verdict is Verdict.UNREADABLE
    assert found["[order].runs"].reason.startswith(
        "not run, to spare the server: threshold[connections].used drifts: 2"
    )
    assert {finding.verdict for finding in found.values()} == {Verdict.UNREADABLE, Verdict.BLOCKED}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "role: app",
            "role: ap",
            "role: role ap is not declared; declare it under roles:; did you mean app?",
        ),
        ("role: app", "role: group", "role: role group cannot log in; name a role with login: true"),
        (
            "role: app",
            "role: postgres",
            "role: role postgres is a superuser; a workload runs what others put",
        ),
        ("database: shop", "database: shp", "database: database shp is not declared; did you mean shop?"),
        ("{id: 4711}", "{ID: 4711}", "sql: %(id)s has no value"),
        ("{id: 4711}", "{id: 1, b: 2}", "parameters.b: the statement has no %(b)s"),
        ("id = %(id)s", "id = %(id)s OR note LIKE 'a%'", "sql: with parameters, write %% for a percent sign"),
        ("rounds: 5", "rounds: 0", "rounds: read 0; allowed:"),
        ("median: 1s", "median: 1", "median: read 1; allowed: "),
    ],
)
def test_what_is_wrong_in_a_spec_is_one_clear_error(old: str, new: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "town.yaml"
    file.write_text(SPEC + ONE.replace(old, new))
    with pytest.raises(SpecError) as raised:
        load_target(file)
    assert said in raised.value.problems[0]
    assert "workloads.statements.order." in raised.value.problems[0]


def test_pytest_benchmark_times_saves_and_compares(server: Cluster, tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/town.yaml").write_text(SPEC + ONE)
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}

    def gate(*words: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--target=town",
            "--dsn",
            server.dsn,
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        return subprocess.run(
            [*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    saved = gate("-m", "benchmark", "--benchmark-autosave")
    assert "1 passed" in saved.stdout, saved.stdout + saved.stderr
    (file,) = tmp_path.glob(".benchmarks/*/*.json")
    (timed,) = json.loads(file.read_text())["benchmarks"]
    assert (timed["name"], timed["stats"]["rounds"]) == ("workload[order].time", 5)
    assert timed["extra_info"]["rows"] == 1
    assert timed["extra_info"]["nodes"] == [
        "Index Scan using orders_pkey on orders (estimated 1 rows, actual 1)"
    ]
    same = gate("-m", "benchmark", "--benchmark-compare", "--benchmark-compare-fail=median:10000%")
    assert "1 passed" in same.stdout, same.stdout + same.stderr
    assert "workload[order].time (NOW)" in same.stdout
    worse = gate("-m", "benchmark", "--benchmark-compare", "--benchmark-compare-fail=median:-99%")
    assert worse.returncode != 0
    everything = gate("-m", "workload")
    assert "7 passed" in everything.stdout
    assert PASSWORD not in saved.stdout + file.read_text() + everything.stdout
