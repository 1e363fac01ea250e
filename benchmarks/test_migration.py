"""Fifty revisions and a status, against Alembic's own command; each is a whole process, but for the run alone."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from benchmarks.conftest import new_cluster
from pgdeploy.gate.target import load_target
from pgdeploy.layers.migration.apply import upgrade
from pgdeploy.layers.migration.process import kept_processes
from pgdeploy.reach.embedded import Cluster

NUMBER = 50
SPEC = """\
postgres: 16
roles: {postgres: {superuser: true, login: true}}
databases: {shop: {owner: postgres}}
migrations: {shop: {alembic: ../migrations}}
"""
ENV = """\
from alembic import context
from sqlalchemy import create_engine, pool

if context.is_offline_mode():
    context.configure(literal_binds=True)
    context.run_migrations()
else:
    engine = create_engine("postgresql+psycopg:///shop?user=postgres&host=SOCKETS", poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
REVISION = """\
from alembic import op
import sqlalchemy as sa
revision, down_revision = "r{number:02}", {down}


def upgrade():
    op.create_table("t{number}", sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True))


def downgrade():
    op.drop_table("t{number}")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    yield from new_cluster()


@pytest.fixture(scope="module")
def place(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("migrations")
    (place / "migrations/versions").mkdir(parents=True)
    (place / "specs").mkdir()
    (place / "specs/shop.yaml").write_text(SPEC)
    (place / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (place / "migrations/env.py").write_text(ENV.replace("SOCKETS", str(server._sockets)))
    for number in range(NUMBER):
        down = f'"r{number - 1:02}"' if number else None
        text = REVISION.format(number=number, down=down)
        (place / "migrations/versions" / f"r{number:02}.py").write_text(text)
    return place


def empty(server: Cluster) -> Callable[[], None]:
    """A database that has no revision yet."""

    def make() -> None:
        with server.open() as connection:
            connection.execute("DROP DATABASE IF EXISTS shop")
            connection.execute("CREATE DATABASE shop")

    return make


def run(place: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.benchmark(group="fifty revisions")
class TestUpgrade:
    def test_raw(self, benchmark: Any, server: Cluster, place: Path) -> None:
        words = (place, "alembic", "upgrade", "head")
        benchmark.pedantic(run, args=words, setup=empty(server), rounds=5)

    def test_apply(self, benchmark: Any, server: Cluster, place: Path) -> None:
        words = ("pgdeploy", "apply", "shop", "--layer", "migration", "--yes", "--dsn", server.dsn)
        benchmark.pedantic(run, args=(place, *words), setup=empty(server), rounds=5)


@pytest.mark.benchmark(group="fifty revisions, the run alone")
class TestRun:
    """Without starting a process, planning and proving: what we add to each revision."""

    def test_raw(self, benchmark: Any, server: Cluster, place: Path) -> None:
        config = Config(stdout=io.StringIO())
        config.set_main_option("script_location", str(place / "migrations"))
        benchmark.pedantic(
            command.upgrade, args=(config, "head"), setup=empty(server), rounds=5, warmup_rounds=1
        )

    def test_ours(self, benchmark: Any, server: Cluster, place: Path) -> None:
        spec = load_target(place / "specs/shop.yaml").spec
        section = spec.migrations["shop"]  # type: ignore[attr-defined]
        revisions = [f"r{number:02}" for number in range(NUMBER)]

        def ours() -> None:
            upgrade(spec, "shop", section, revisions, server, lambda _: None, downtime=False)

        with kept_processes():
            benchmark.pedantic(ours, setup=empty(server), rounds=5, warmup_rounds=1)


@pytest.fixture(scope="module")
def migrated(server: Cluster, place: Path) -> Path:
    empty(server)()
    run(place, "alembic", "upgrade", "head")
    return place


@pytest.mark.benchmark(group="where migrations stand")
class TestStatus:
    def test_raw(self, benchmark: Any, migrated: Path) -> None:
        benchmark.pedantic(run, args=(migrated, "alembic", "current"), rounds=5)

    def test_status(self, benchmark: Any, server: Cluster, migrated: Path) -> None:
        words = ("pgdeploy", "migrate", "shop", "status", "--dsn", server.dsn)
        benchmark.pedantic(run, args=(migrated, *words), rounds=5)
