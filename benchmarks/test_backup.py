"""A backup and its proof, against PostgreSQL's own programs with as many jobs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from benchmarks.conftest import FAST, new_cluster
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers import layer_of
from pgdeploy.layers.backup.dump import take
from pgdeploy.lifecycle.prove_restore import prove
from pgdeploy.model.backup import DumpSpec
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.programs import wheel_bin

JOBS = 2
TABLES = 4
ROWS = 100_000
BIN = wheel_bin(16)

SPEC = f"""\
postgres: 16
roles: {{postgres: {{superuser: true, login: true}}}}
databases: {{shop: {{owner: postgres, schemas: {{app: {{owner: postgres}}}}}}}}
backup:
  repository: {{path: kept}}
  jobs: {JOBS}
  retention: {{count: 100}}
  invariants: {{shop: [{{sql: SELECT count(*) FROM app.orders_0, returns: {ROWS}}}]}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in new_cluster():
        with made.open() as connection:
            connection.execute("CREATE DATABASE shop")
        with made.open("shop") as connection:
            connection.execute("CREATE SCHEMA app")
            for number in range(TABLES):
                connection.execute(
                    f"CREATE TABLE app.orders_{number} AS SELECT g AS id, md5(g::text) AS name, now() AS at "
                    f"FROM generate_series(1, {ROWS}) g"
                )
        yield made


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    file = tmp_path_factory.mktemp("backup") / "shop.yaml"
    file.write_text(SPEC)
    return load_target(file)


@pytest.fixture(scope="module")
def section(target: Target) -> DumpSpec:
    found: DumpSpec = layer_of("backup").of(target.spec)
    return found


def dump(server: Cluster, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    way = f"--dbname={server.dsn}"
    subprocess.run([BIN / "pg_dumpall", "--roles-only", f"--file={folder}/roles", way], check=True)
    command = [str(BIN / "pg_dump"), "--format=directory", f"--jobs={JOBS}", f"--file={folder}/shop"]
    subprocess.run([*command, f"{way} dbname=shop"], check=True)
    return folder


@pytest.mark.benchmark(group="backup")
class TestBackup:
    def test_raw(self, benchmark: Any, server: Cluster, tmp_path: Path) -> None:
        benchmark.name = "pg_dump and pg_dumpall"
        made = benchmark.pedantic(dump, args=(server, tmp_path / "raw"), rounds=2)
        assert (made / "shop/toc.dat").exists()

    def test_ours(self, benchmark: Any, server: Cluster, target: Target, section: DumpSpec) -> None:
        benchmark.name = "our backup"
        made = benchmark.pedantic(
            take, args=(target.name, target.spec, section, server, lambda _: None), rounds=2
        )
        assert list(made.databases) == ["shop"]


@pytest.mark.benchmark(group="proof")
class TestProof:
    def test_raw(self, benchmark: Any, server: Cluster, tmp_path: Path) -> None:
        benchmark.name = "a new server and pg_restore"
        kept = dump(server, tmp_path / "raw")

        def restored() -> int:
            with TemporaryDirectory() as home:
                Path(home).chmod(0o755)
                new = Cluster(Path(home) / "home", BIN, options=FAST)
                new.start()
                try:
                    command = [str(BIN / "pg_restore"), "--create", f"--jobs={JOBS}", f"--dbname={new.dsn}"]
                    subprocess.run([*command, str(kept / "shop")], check=True)
                    with new.open("shop") as connection:
                        return len(connection.execute("SELECT FROM app.orders_0").fetchall())
                finally:
                    new.stop()

        assert benchmark.pedantic(restored, rounds=2) == ROWS

    def test_ours(self, benchmark: Any, server: Cluster, target: Target, section: DumpSpec) -> None:
        benchmark.name = "our proof of a backup"
        take(target.name, target.spec, section, server, lambda _: None)
        record = benchmark.pedantic(prove, args=(target, section, None, BIN, lambda _: None), rounds=2)
        assert record.good, record.failed
