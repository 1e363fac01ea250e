"""Two servers with the same generated cluster, and a table at the end that sets ours against the baseline.

No benchmark asserts on time: the table says what was measured in this run, next to the aim.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cluster as generated
from pgdeploy.gate.target import Target, load_target
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.programs import wheel_bin

SIZE = generated.Size()
FAST = ("-c fsync=off", "-c max_connections=60")

AIMS = {
    "read": ("our read and diff", "raw read of everything", 2.0),
    "thresholds": ("all thresholds of the server", "a connection to each database", 3.0),
    "apply": ("our plan and apply", "raw statements", 1.3),
    "item": ("gate of 10,000 checks", "10,000 trivial items", 1.5),
    "host": ("our gate of the host and its server", "one bare gather and one SQL read", 1.5),
    "unchanged": ("pg01.py with nothing to do", "pyinfra with as many trivial operations", 2.0),
    "backup": ("our backup", "pg_dump and pg_dumpall", 1.1),
    "proof": ("our proof of a backup", "a new server and pg_restore", 1.3),
    "release": ("a release with nothing to do", "its smoke run alone", 1.2),
    "help": ("pgdeploy --help", "its CLI library", 1.5),
    "small spec": ("pgdeploy lint of a small spec", "its libraries alone", 3.0),
}
"""By group: the benchmark, its baseline, and the ratio that we aim at."""


@pytest.fixture(scope="session")
def spec_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("specs") / "generated.yaml"
    file.write_text(generated.spec(SIZE))
    return file


@pytest.fixture(scope="session")
def target(spec_file: Path) -> Target:
    return load_target(spec_file)


def new_cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="pgdeploy-bench-") as home:
        Path(home).chmod(0o755)
        server = Cluster(Path(home) / "home", wheel_bin(16), options=FAST)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def empty() -> Iterator[Cluster]:
    """Roles, databases, schemas and tables, but no grants."""
    for server in new_cluster():
        build(server)
        yield server


@pytest.fixture(scope="session")
def full() -> Iterator[Cluster]:
    """The whole cluster, made by raw statements: what the catalogue is read from."""
    for server in new_cluster():
        build(server)
        raw_apply(server)
        yield server


def build(server: Cluster) -> None:
    run(server, None, generated.raw_roles(SIZE))
    with server.open() as connection:
        for database in range(SIZE.databases):
            connection.execute(f"CREATE DATABASE db_{database:02}")
    side_by_side(lambda d: run(server, d, [*generated.schemas(SIZE), *generated.tables(SIZE)]))


def raw_apply(server: Cluster) -> None:
    """The baseline: statements merged per grantee and schema, pipelined, one transaction a database."""
    side_by_side(lambda database: run(server, database, generated.raw_grants(SIZE, database)))


def run(server: Cluster, database: int | None, statements: list[str]) -> None:
    with (
        server.open(None if database is None else f"db_{database:02}") as connection,
        connection.pipeline(),
    ):
        for statement in ["BEGIN", *statements, "COMMIT"]:
            connection.execute(statement)


def side_by_side(work: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(work, range(SIZE.databases)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Ours against the baseline of the same run."""
    session = getattr(config, "_benchmarksession", None)
    best = {(bench.group, bench.name): bench.stats.min for bench in session.benchmarks} if session else {}
    terminalreporter.section("against the baselines of this run")
    for group, (ours, baseline, aim) in AIMS.items():
        one, other = (best.get((group, name)) for name in (ours, baseline))
        if one is None or other is None:
            continue
        word = "within" if one / other <= aim else "OVER"
        line = f"{ours} {one:.3f} s, {baseline} {other:.3f} s: {one / other:.2f}x, {word} the aim of {aim}x"
        terminalreporter.write_line(line)
    for (group, name), seconds in best.items():
        if group not in AIMS or name not in AIMS[group][:2]:
            terminalreporter.write_line(f"{group}: {name} {seconds:.3f} s")
