"""Baselines: a regression is found by what repeats, and noise is none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.errors import TargetError
from pgdeploy.gate.target import load_target
from pgdeploy.layers import layer_of
from pgdeploy.layers.workload.baseline import Baseline, measure
from pgdeploy.layers.workload.regression import Verdict, refused, verdicts
from pgdeploy.layers.workload.timing import interval
from pgdeploy.reach.embedded import Cluster
from tests.program import pgdeploy as pgdeploy_program
from tests.properties.law import law
from tests.workloads.shop import ORDERS, PASSWORD, run, shop
from tests.workloads.shop import SPEC as HEAD

SPEC = f"""\
{HEAD}  statements:
    order: {{database: shop, role: app, sql: SELECT * FROM app.orders WHERE id = 4711}}
    count: {{database: shop, role: app, sql: SELECT count(note) FROM app.orders}}
    work: {{database: shop, role: app, sql: SELECT app.work()}}
"""
WORK: LiteralString = """
CREATE OR REPLACE FUNCTION app.work() RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE n bigint; BEGIN SELECT sum(g) INTO n FROM generate_series(1, 20000) g; RETURN n; END $$
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in shop():
        run(made, "shop", WORK, *ORDERS)
        yield made


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKLOAD_PASSWORD", PASSWORD)


def measured(server: Cluster, folder: Path, spec: str = SPEC) -> Baseline:
    file = folder / "town.yaml"
    file.write_text(spec)
    target = load_target(file)
    return measure("town", target.spec, layer_of("workload").of(target.spec), server)


def compared(old: Baseline, new: Baseline) -> Mapping[str, Verdict]:
    return {one.name: one for one in verdicts(old, new)}


@pytest.mark.parametrize("times", [4, pytest.param(12, marks=pytest.mark.long)])
def test_the_same_is_never_slower(times: int, server: Cluster, tmp_path: Path) -> None:
    """Half of the times on a machine that is busy."""
    first = measured(server, tmp_path)
    assert Baseline.read(first.as_text()) == first
    for number in range(times):
        command = [sys.executable, "-c", "while True: pass"]
        busy = [subprocess.Popen(command) for _ in range(3 if number % 2 else 0)]
        try:
            words = {one.word for one in compared(first, measured(server, tmp_path)).values()}
        finally:
            for one in busy:
                one.kill()
                one.wait()
        assert words <= {"same", "cannot tell", "faster"}


def test_an_index_that_is_gone_makes_that_workload_slower_and_no_other(
    server: Cluster, tmp_path: Path
) -> None:
    first = measured(server, tmp_path)
    run(server, "shop", "ALTER TABLE app.orders DROP CONSTRAINT orders_pkey")
    try:
        found = compared(first, measured(server, tmp_path))
    finally:
        run(server, "shop", "ALTER TABLE app.orders ADD PRIMARY KEY (id)", "VACUUM ANALYZE app.orders")
    assert [name for name, one in found.items() if one.word == "slower"] == ["order"]
    assert found["order"].reason.endswith(
        "before; the plan has Seq Scan on orders (estimated 1 rows, actual 1) "
        "in place of Index Scan using orders_pkey on orders (estimated 1 rows, actual 1)"
    )
    assert "blocks of shared buffers, " in found["order"].reason


def test_what_takes_longer_with_the_same_plan(server: Cluster, tmp_path: Path) -> None:
    first = measured(server, tmp_path)
    run(server, "shop", WORK.replace("20000", "200000"))
    try:
        second = measured(server, tmp_path)
    finally:
        run(server, "shop", WORK)
    assert [name for name, one in compared(first, second).items() if one.word == "slower"] == ["work"]
    assert compared(second, first)["work"].word == "faster"


def test_what_cannot_be_compared(server: Cluster, tmp_path: Path) -> None:
    first = measured(server, tmp_path)
    other = measured(
        server, tmp_path, SPEC.replace("id = 4711", "id = 4712").replace("    work:", "    works:")
    )
    assert {one.name: one.word for one in verdicts(first, other) if one.name != "count"} == {
        "order": "changed",
        "works": "new",
    }
    assert refused(first, first) is None
    assert refused(first, replace(first, major=17)) == "it was measured on PostgreSQL 16, and this is 17"
    assert "it was measured on x86_64" in (refused(first, replace(first, machine="aarch64-linux")) or "")
    slow = replace(first, calibration=first.calibration * 4)
    assert (refused(first, slow) or "").startswith(
        "it was measured on another kind of machine: the calibration took"
    )
    assert refused(slow, first) is not None


def test_nothing_is_measured_of_what_does_not_run(server: Cluster, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="workload order does not run: relation"):
        measured(server, tmp_path, SPEC.replace("app.orders WHERE", "app.order WHERE"))
    slow = (
        SPEC.partition("    order:")[0] + "    nap: {database: shop, role: app, sql: SELECT pg_sleep(0.05)}\n"
    )
    with pytest.raises(TargetError, match="longer than their budget of 400ms"):
        measured(server, tmp_path, slow.replace("  statements:", "  budget: 400ms\n  statements:"))


def pgdeploy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program("baseline", *words, cwd=folder)


def test_the_command(server: Cluster, tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/town.yaml").write_text(SPEC)
    (tmp_path / "specs/bare.yaml").write_text(SPEC.partition("workloads:")[0])
    missing = pgdeploy(tmp_path, "town", "--dsn", server.dsn)
    assert (missing.returncode, "baselines/town.json does not exist; save" in missing.stderr) == (1, True)
    saved = pgdeploy(tmp_path, "town", "--dsn", server.dsn, "--save")
    assert (saved.returncode, saved.stdout) == (0, "baselines/town.json: 3 workloads\n")
    text = (tmp_path / "baselines/town.json").read_text()
    assert PASSWORD not in text
    same = pgdeploy(tmp_path, "town", "--dsn", server.dsn)
    assert (same.returncode, same.stdout.count("workload[")) == (0, 3)
    run(server, "shop", "ALTER TABLE app.orders DROP CONSTRAINT orders_pkey")
    try:
        slower = pgdeploy(tmp_path, "town", "--dsn", server.dsn, "--json")
    finally:
        run(server, "shop", "ALTER TABLE app.orders ADD PRIMARY KEY (id)", "VACUUM ANALYZE app.orders")
    assert slower.returncode == 2
    assert json.loads(slower.stdout)["workloads"][0]["word"] == "slower"
    for broken, said in (
        ("{", "no baseline of pgdeploy"),
        ('{"version": 7}', "written by another version of pgdeploy"),
    ):
        (tmp_path / "baselines/town.json").write_text(broken)
        refusal = pgdeploy(tmp_path, "town", "--dsn", server.dsn)
        assert (refusal.returncode, said in refusal.stderr) == (1, True)
    bare = pgdeploy(tmp_path, "bare", "--dsn", server.dsn)
    assert "bare: there are no workloads: write `workloads:` into specs/bare.yaml" in bare.stderr


@law(200)
@given(st.lists(st.floats(0.1, 10), min_size=15, max_size=60))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    low, high = interval(values)
    ordered = sorted(values)
    assert low <= ordered[len(values) // 2] <= high
    assert ordered[0] <= low
    assert high <= ordered[-1]


def test_the_interval_is_that_of_the_tables() -> None:
    """The third and the third last of fifteen: 99.3 %."""
    assert interval([float(number) for number in range(15)]) == (2.0, 12.0)
