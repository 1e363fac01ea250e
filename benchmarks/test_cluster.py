"""1,000 roles, 20 databases, 20,000 grants: reading, comparing and applying, against raw SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import cluster as generated
from benchmarks.conftest import SIZE, build, new_cluster, raw_apply, side_by_side
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.layers.threshold.reading import measured
from pgdeploy.model.threshold import HOST, ThresholdsSpec
from pgdeploy.reach.embedded import Cluster
from tests.conftest import not_conforming
from tests.diff import diff

EVERYTHING = """
SELECT o.kind, o.schema, o.name, r.rolname, g.rolname, a.privilege_type, a.is_grantable
FROM (
  SELECT 'schema' AS kind, NULL::name AS schema, nspname AS name, coalesce(nspacl, acldefault('n', nspowner)) AS acl
  FROM pg_namespace
  UNION ALL
  SELECT 'table', n.nspname, relname, coalesce(relacl, acldefault('r', relowner))
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
  UNION ALL
  SELECT 'column', n.nspname, attname, attacl
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
  WHERE attacl IS NOT NULL
  UNION ALL
  SELECT 'function', n.nspname, proname, coalesce(proacl, acldefault('f', proowner))
  FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
  UNION ALL
  SELECT 'type', n.nspname, typname, coalesce(typacl, acldefault('T', typowner))
  FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE typelem = 0 AND typrelid = 0
  UNION ALL
  SELECT 'database', NULL, datname, coalesce(datacl, acldefault('d', datdba)) FROM pg_database
) o
CROSS JOIN LATERAL aclexplode(o.acl) a
LEFT JOIN pg_roles r ON r.oid = a.grantee
JOIN pg_roles g ON g.oid = a.grantor
"""


def read_raw(server: Cluster, database: int) -> int:
    with server.open(f"db_{database:02}") as connection:
        return len(connection.execute(EVERYTHING).fetchall())


@pytest.mark.benchmark(group="read")
class TestRead:
    def test_raw(self, benchmark: Any, full: Cluster) -> None:
        benchmark.name = "raw read of everything"
        rows = benchmark(lambda: sum(read_raw(full, database) for database in range(SIZE.databases)))
        assert rows > SIZE.grants

    def test_raw_side_by_side(self, benchmark: Any, full: Cluster) -> None:
        benchmark.name = "raw read of everything, four connections"
        rows = benchmark(lambda: sum(side_by_side(lambda database: read_raw(full, database))))
        assert rows > SIZE.grants

    def test_ours(self, benchmark: Any, full: Cluster, target: Target) -> None:
        benchmark.name = "our read and diff"
        checks = target.checks
        findings = benchmark(lambda: diff(checks, target.read(full)))
        assert findings
        assert not_conforming(findings) == []


@pytest.mark.benchmark(group="thresholds")
class TestThresholds:
    """What it costs to ask a server how it does, beside entering its databases."""

    def test_raw(self, benchmark: Any, full: Cluster) -> None:
        benchmark.name = "a connection to each database"

        def enter(database: int) -> int:
            with full.open(f"db_{database:02}") as connection:
                return len(connection.execute("SELECT count(*) FROM pg_class").fetchall())

        assert benchmark(lambda: sum(side_by_side(enter))) == SIZE.databases

    def test_ours(self, benchmark: Any, full: Cluster) -> None:
        benchmark.name = "all thresholds of the server"
        ignored = {thing: {"used": "ignore"} for thing in HOST} | {"temp_files": {"written": "ignore"}}
        section = ThresholdsSpec.model_validate({"preset": "standard", **ignored})
        found = benchmark(lambda: measured(section, full, {}))
        assert len(found) == len(section.limits)
        assert not any(isinstance(quantity, Exception) for quantity in found.values())


@pytest.mark.benchmark(group="apply")
class TestApply:
    def test_raw(self, benchmark: Any, empty: Cluster) -> None:
        benchmark.name = "raw statements"
        benchmark.pedantic(raw_apply, (empty,), rounds=1)
        assert read_raw(empty, 0) > SIZE.grants / SIZE.databases

    def test_ours(self, benchmark: Any, empty: Cluster, target: Target) -> None:
        benchmark.name = "our plan and apply"

        def ours() -> None:
            apply(plan(target.spec, target.resources, target.read(empty)), empty)

        benchmark.pedantic(ours, rounds=1)
        again = plan(target.spec, target.resources, target.read(empty))
        assert not again.changes
        assert not again.stuck


@pytest.mark.benchmark(group="linear")
@pytest.mark.parametrize("part", [4, 2, 1])
def test_cost_grows_with_the_objects(benchmark: Any, part: int, tmp_path: Path) -> None:
    """The same cluster in a quarter, half and whole: databases and grants shrink together."""
    size = generated.Size(databases=SIZE.databases // part, grants=SIZE.grants // part)
    benchmark.name = f"read and diff of {size.grants} grants in {size.databases} databases"
    file = tmp_path / "part.yaml"
    file.write_text(generated.spec(size))
    part_target = load_target(file)
    for server in new_cluster():
        build(server)
        apply(plan(part_target.spec, part_target.resources, part_target.read(server)), server)
        checks = part_target.checks
        findings = benchmark(lambda server, checks: diff(checks, part_target.read(server)), server, checks)
        assert not_conforming(findings) == []


@pytest.mark.benchmark(group="load")
def test_load(benchmark: Any, spec_file: Path) -> None:
    benchmark.name = f"load of a spec of {spec_file.stat().st_size // 1000} kB"
    loaded = benchmark.pedantic(load_target, (spec_file,), rounds=3)
    assert len(loaded.spec.roles) == SIZE.roles + 1
