"""What a login sees: pg_monitor is enough, and who sees less is told so."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.thresholds.measuring import findings, sessions

HOST = ["cpu", "disk", "inodes", "memory"]


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in cluster(16):
        with made.open() as connection:
            connection.execute("CREATE ROLE watcher LOGIN PASSWORD 'w'; GRANT pg_monitor TO watcher")
            connection.execute("CREATE ROLE stranger LOGIN PASSWORD 's'")
        yield made


def login(server: Cluster, name: str) -> DsnServer:
    return DsnServer(f"{server.dsn} user={name} password={name[0]}")


def test_pg_monitor_is_enough_without_access_to_the_host(server: Cluster, tmp_path: Path) -> None:
    found = findings(login(server, "watcher"), "{preset: standard, window: 1ms}", tmp_path)
    apart = {name: finding for name, finding in found.items() if finding.verdict is not Verdict.CONFORMS}
    assert sorted(name.partition("[")[2].partition("]")[0] for name in apart) == HOST
    assert {finding.verdict for finding in apart.values()} == {Verdict.INAPPLICABLE}
    assert {finding.reason for finding in apart.values()} == {"no host access over --dsn"}


def test_who_does_not_see_the_sessions_of_others_is_told(server: Cluster, tmp_path: Path) -> None:
    found = findings(login(server, "stranger"), "{preset: standard, window: 1ms}", tmp_path)
    hidden = {name for name, finding in found.items() if "hidden from this login" in finding.reason}
    assert {name.partition("[")[2].partition("]")[0] for name in hidden} == {
        "connections",
        "locks",
        "transactions",
        "replication",
    }
    unread = {name for name, finding in found.items() if finding.verdict is Verdict.UNREADABLE}
    assert unread >= {*hidden, "threshold[wal].archive_backlog"}


def test_an_index_that_others_build_hides_none_that_is_invalid(server: Cluster, tmp_path: Path) -> None:
    """A login without pg_read_all_stats does not see which index it is."""
    with server.open() as connection:
        connection.execute("CREATE TABLE public.doubled AS SELECT 1 AS id FROM generate_series(1, 2)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON public.doubled (id)")
    with sessions(server, 2) as (writer, builder):
        writer.execute("BEGIN; INSERT INTO public.doubled VALUES (3)")
        build = threading.Thread(target=_build, args=(builder,))
        build.start()
        try:
            while not _is_built(server):
                time.sleep(0.05)
            found = findings(login(server, "stranger"), "{indexes: {invalid: 0}}", tmp_path)
        finally:
            builder.cancel()
            build.join()
    with server.open() as connection:
        connection.execute("DROP TABLE public.doubled")
    assert found["threshold[indexes].invalid"].verdict is Verdict.DRIFTS
    assert "broken" in found["threshold[indexes].invalid"].origin


def _build(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    with suppress(psycopg.Error):
        connection.execute("CREATE INDEX CONCURRENTLY other ON public.doubled (id)")


def _is_built(server: Cluster) -> bool:
    with server.open() as connection:
        return connection.execute("SELECT 1 FROM pg_stat_progress_create_index").fetchone() is not None


def test_a_sequence_that_may_not_be_read_is_not_taken_for_empty(server: Cluster, tmp_path: Path) -> None:
    with server.open() as connection:
        connection.execute("CREATE TABLE public.closed (id int GENERATED ALWAYS AS IDENTITY)")
    limits = "{sequences: {used: 80%}, keys: {used: 80%}, window: 1ms}"
    found = findings(login(server, "watcher"), limits, tmp_path)
    assert {name: (finding.verdict, finding.reason) for name, finding in found.items()} == {
        "threshold[sequences].used": (
            Verdict.UNREADABLE,
            "sequence public.closed_id_seq in database postgres: this login may not read it",
        ),
        "threshold[keys].used": (
            Verdict.UNREADABLE,
            "column id of public.closed (integer) in database postgres: this login may not read it",
        ),
    }
    with server.open() as connection:
        connection.execute("SELECT setval('public.closed_id_seq', 2100000000)")
        connection.execute("CREATE SEQUENCE public.open MAXVALUE 10; GRANT SELECT ON public.open TO watcher")
        connection.execute("SELECT setval('public.open', 10)")
    found = findings(login(server, "watcher"), limits, tmp_path)
    assert found["threshold[sequences].used"].verdict is Verdict.DRIFTS


def test_a_database_that_refuses_is_unreadable(server: Cluster, tmp_path: Path) -> None:
    with server.open() as connection:
        connection.execute("CREATE DATABASE shut")
        connection.execute("REVOKE CONNECT ON DATABASE shut FROM PUBLIC")
    found = findings(login(server, "watcher"), "{indexes: {invalid: 0}}", tmp_path)[
        "threshold[indexes].invalid"
    ]
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason.startswith("database shut: ")
