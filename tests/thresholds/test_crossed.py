"""Each threshold is crossed on a real server: exactly its check is red, and names the culprit."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.layers.threshold.query import Counter
from pgdeploy.layers.threshold.reading import rates
from pgdeploy.reach.embedded import Cluster
from tests.conftest import FAST, cluster, require_programs
from tests.thresholds.measuring import findings, red, sessions

ALL = "preset: standard, window: 100ms"
OPTIONS = (*FAST, "-c max_prepared_transactions=5", "-c archive_mode=on", "-c archive_command=false")


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    yield from cluster(16, OPTIONS)


def one(server: Cluster, tmp_path: Path, limits: str, id: str) -> Finding:
    """What the check finds, which alone is red where the preset holds for everything else."""
    found = findings(server, f"{{{ALL}, {limits}}}", tmp_path)
    assert red(found) == [id]
    return found[id]


def run(server: Cluster, *texts: LiteralString) -> None:
    with server.open(configured=False) as connection:
        for text in texts:
            connection.execute(text)


@contextmanager
def waiting(server: Cluster, text: LiteralString) -> Iterator[None]:
    """A statement that somebody else runs meanwhile, and that waits for something."""
    with sessions(server, 1) as (connection,):

        def wait() -> None:
            try:
                connection.execute(text)
            except Exception:  # noqa: BLE001 - it ends with the session
                return

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.4)
        try:
            yield
        finally:
            connection.cancel()
            thread.join()


@pytest.mark.parametrize("major", [14, 15, 16, 17, 18])
def test_none_is_red_on_a_quiet_server(major: int, tmp_path: Path) -> None:
    for quiet in cluster(major):
        found = findings(quiet, "{preset: standard, window: 100ms}", tmp_path, major)
        others = {
            name: finding.reason for name, finding in found.items() if finding.verdict is not Verdict.CONFORMS
        }
        assert others == dict.fromkeys(
            (
                "threshold[cpu].used",
                "threshold[memory].used",
                "threshold[disk].used",
                "threshold[inodes].used",
            ),
            "an embedded server has no host of its own",
        )
        assert [name for name, finding in found.items() if finding.note] == []


def test_connections(server: Cluster, tmp_path: Path) -> None:
    with sessions(server, 10):
        found = one(server, tmp_path, "connections: {used: 15%}", "threshold[connections].used")
    assert re.fullmatch(r"1[0-2] of 57, 1[0-2] of them postgres", found.origin)
    assert found.measured is not None
    assert (found.measured.unit, found.measured.at_most) == ("%", 15)


def test_a_warning_is_green(server: Cluster, tmp_path: Path) -> None:
    with sessions(server, 10):
        found = findings(server, "{connections: {used: {warn: 15%, fail: 90%}}}", tmp_path)
    (finding,) = found.values()
    assert finding.verdict is Verdict.CONFORMS
    assert re.fullmatch(r"warning: [0-9.]+% is above 15%: 1. of 57, 1. of them postgres", finding.note)


def test_a_lock_that_is_waited_for(server: Cluster, tmp_path: Path) -> None:
    run(server, "CREATE TABLE IF NOT EXISTS public.held (id int)")
    with sessions(server, 1) as (blocker,):
        blocker.execute("BEGIN; LOCK TABLE public.held; SELECT 'a canary', 4711 AS held")
        with waiting(server, "SELECT 'another canary' FROM public.held"):
            found = one(server, tmp_path, "locks: {longest_wait: 100ms}", "threshold[locks].longest_wait")
            pid = blocker.info.backend_pid
    assert f"waits for pid {pid} of postgres: SELECT ? FROM public.held <- BEGIN; LOCK TABLE" in found.origin
    assert "canary" not in found.origin
    assert "4711" not in found.origin


def test_transactions(server: Cluster, tmp_path: Path) -> None:
    with waiting(server, "SELECT pg_sleep(30)"):
        found = one(server, tmp_path, "transactions: {longest: 200ms}", "threshold[transactions].longest")
        assert "of postgres in postgres, active: SELECT pg_sleep(?)" in found.origin
    with sessions(server, 1) as (idle,):
        idle.execute("BEGIN; SELECT 1")
        time.sleep(0.4)
        found = one(server, tmp_path, "transactions: {idle: 200ms}", "threshold[transactions].idle")
        assert f"pid {idle.info.backend_pid} of postgres in postgres" in found.origin


def test_prepared_transactions(server: Cluster, tmp_path: Path) -> None:
    run(server, "BEGIN; CREATE TABLE public.prepared (id int); PREPARE TRANSACTION 'left behind'")
    try:
        time.sleep(0.3)
        found = one(server, tmp_path, "transactions: {prepared: 200ms}", "threshold[transactions].prepared")
    finally:
        run(server, "ROLLBACK PREPARED 'left behind'")
    assert found.origin == "'left behind' of postgres in postgres"


def test_a_slot_that_nobody_reads(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "SELECT pg_create_physical_replication_slot('forgotten', true)",
        "CREATE TABLE public.wal (id int)",
    )
    run(server, "INSERT INTO public.wal SELECT generate_series(1, 1000)", "DROP TABLE public.wal")
    try:
        found = one(server, tmp_path, "slots: {held: 10kB}", "threshold[slots].held")
    finally:
        run(server, "SELECT pg_drop_replication_slot('forgotten')")
    assert found.origin == "slot forgotten, not active"


def test_more_wal_than_the_settings_ask_for(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "ALTER SYSTEM SET max_wal_size = '32MB'",
        "ALTER SYSTEM SET min_wal_size = '32MB'",
        "SELECT pg_reload_conf()",
        "SELECT pg_create_physical_replication_slot('holding', true)",
    )
    try:
        for _ in range(4):
            run(server, "SELECT txid_current()", "SELECT pg_switch_wal()")
        found = one(server, tmp_path, "wal: {backlog: 1MB}", "threshold[wal].backlog")
        assert found.origin.endswith(", max_wal_size 32MB, wal_keep_size 0")
    finally:
        run(server, "SELECT pg_drop_replication_slot('holding')", "ALTER SYSTEM RESET ALL")
        run(server, "SELECT pg_reload_conf()")


def test_archiving_that_fails(server: Cluster, tmp_path: Path) -> None:
    for _ in range(3):
        run(server, "SELECT txid_current()", "SELECT pg_switch_wal()")
    deadline = time.monotonic() + 20
    while not _failed(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    found = one(server, tmp_path, "wal: {archive_backlog: 1}", "threshold[wal].archive_backlog")
    assert found.actual >= "2"
    found = one(server, tmp_path, "wal: {archive_failing: 10ms}", "threshold[wal].archive_failing")
    assert found.origin.endswith(" failed last")


def _failed(server: Cluster) -> bool:
    with server.open() as connection:
        row = connection.execute("SELECT failed_count > 0 FROM pg_stat_archiver").fetchone()
    return row is not None and bool(row[0])


def test_temporary_files_within_the_window(server: Cluster, tmp_path: Path) -> None:
    stop = threading.Event()

    def sort() -> None:
        while not stop.is_set():
            run(
                server,
                "SET work_mem = '64kB'",
                "SELECT count(*) FROM (SELECT g FROM generate_series(1, 200000) g ORDER BY -g) s",
            )

    thread = threading.Thread(target=sort)
    thread.start()
    try:
        found = findings(server, "{window: 2s, temp_files: {written: 1kB}}", tmp_path)[
            "threshold[temp_files].written"
        ]
    finally:
        stop.set()
        thread.join()
    assert (found.verdict, found.origin) == (Verdict.DRIFTS, "database postgres")
    assert found.desired == "at most 1kB, over 2s"


def test_counters_that_begin_anew_are_no_zero(server: Cluster, tmp_path: Path) -> None:
    run(server, "SELECT pg_stat_reset()")
    reset = threading.Timer(0.7, run, (server, "SELECT pg_stat_reset()"))
    reset.start()
    found = findings(server, "{window: 2s, temp_files: {written: 1GB}}", tmp_path)[
        "threshold[temp_files].written"
    ]
    reset.join()
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason == "the statistics of database postgres were reset meanwhile; ask again"


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ((0, None), (10, "now"), 5.0),
        ((3, None), (10, "now"), None),
        ((3, "then"), (10, "now"), None),
        ((3, "then"), (2, "then"), None),
        ((3, "then"), (7, "then"), 2.0),
    ],
)
def test_what_begins_with_the_first_session_was_not_reset(
    before: tuple[float, str | None], after: tuple[float, str | None], value: float | None
) -> None:
    (found,) = rates({"town": Counter("town", *before)}, [Counter("town", *after)], 2)
    assert found.value == value


def test_checkpoints_before_their_time(server: Cluster, tmp_path: Path) -> None:
    run(server, "SELECT pg_stat_reset_shared('bgwriter')", *("CHECKPOINT",) * 25)
    run(server, "SELECT pg_stat_force_next_flush()")
    time.sleep(0.5)
    found = findings(server, "{checkpoints: {requested: 50%}}", tmp_path)["threshold[checkpoints].requested"]
    run(server, "SELECT pg_stat_reset_shared('bgwriter')")
    assert (found.verdict, found.actual) == (Verdict.DRIFTS, "100%")


def test_blocks_that_are_not_found(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "SELECT pg_stat_reset()",
        "CREATE TABLE public.large AS SELECT g, repeat('x', 1000) AS x FROM generate_series(1, 60000) g",
        "SELECT " + "(SELECT count(*) FROM public.large) + " * 14 + "0",
        "DROP TABLE public.large",
    )
    time.sleep(1)
    found = one(server, tmp_path, "cache: {hit_ratio: 90%}", "threshold[cache].hit_ratio")
    run(server, "SELECT pg_stat_reset()")
    assert found.measured is not None
    assert found.measured.at_least == 90
    assert found.desired == "at least 90%"


def test_dead_rows_and_a_vacuum_that_does_not_come(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "CREATE TABLE public.dead (id int) WITH (autovacuum_enabled = false)",
        "INSERT INTO public.dead SELECT generate_series(1, 30000)",
        "DELETE FROM public.dead WHERE id <= 20000",
    )
    time.sleep(1)
    try:
        found = findings(server, f"{{{ALL}, tables: {{unvacuumed: 1ms, dead: ignore}}}}", tmp_path)
        assert red(found) == ["threshold[tables].unvacuumed"]
        assert found["threshold[tables].unvacuumed"].origin == (
            "public.dead, 20000 dead rows, last vacuum never in database postgres"
        )
        found = findings(server, "{preset: standard, window: 1ms}", tmp_path)
        assert red(found) == ["threshold[tables].dead"]
        run(server, "VACUUM public.dead")
        assert red(findings(server, "{preset: standard, window: 1ms}", tmp_path)) == []
    finally:
        run(server, "DROP TABLE public.dead")


def test_indexes(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "CREATE TABLE public.indexed AS SELECT g % 1000 AS a, g AS b FROM generate_series(1, 5000) g",
        "CREATE INDEX one ON public.indexed (a)",
    )
    with pytest.raises(Exception, match="duplicate"):
        run(server, "CREATE UNIQUE INDEX CONCURRENTLY broken ON public.indexed (a)")
    try:
        found = one(server, tmp_path, "memory: {used: 99%}", "threshold[indexes].invalid")
        assert found.origin == "public.broken in database postgres"
        run(
            server,
            "DROP INDEX public.broken",
            "CREATE INDEX two ON public.indexed (a)",
            "CREATE INDEX three ON public.indexed (a, b)",
        )
        found = one(server, tmp_path, "indexes: {duplicate: 0}", "threshold[indexes].duplicate")
        assert found.origin == "public.two as public.one in database postgres"
        warned = findings(server, "{preset: standard, window: 1ms}", tmp_path)["threshold[indexes].duplicate"]
        assert warned.verdict is Verdict.CONFORMS
        assert warned.note == "warning: 1 is above 0: public.two as public.one in database postgres"
    finally:
        run(server, "DROP TABLE public.indexed")


def test_an_index_that_nobody_uses(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "CREATE TABLE public.unused AS SELECT g AS a FROM generate_series(1, 500000) g",
        "CREATE INDEX idle ON public.unused (a)",
        "ALTER TABLE public.unused ADD CONSTRAINT needed UNIQUE (a)",
    )
    try:
        found = one(server, tmp_path, "indexes: {unused: 0, duplicate: ignore}", "threshold[indexes].unused")
        assert found.origin.startswith("public.idle (11 MB) in database postgres")
        run(
            server,
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SELECT a FROM public.unused WHERE a = 1",
        )
    finally:
        run(server, "DROP TABLE public.unused")


def test_indexes_of_expressions_and_parts(server: Cluster, tmp_path: Path) -> None:
    run(
        server,
        "CREATE TABLE public.parts (a int, b int)",
        "CREATE INDEX small ON public.parts (lower(a::text)) WHERE b > 1",
        "CREATE INDEX other ON public.parts (lower(a::text)) WHERE b > 2",
        "CREATE INDEX descending ON public.parts (a DESC)",
        "CREATE INDEX ascending ON public.parts (a)",
    )
    try:
        limits = "indexes: {duplicate: 0}, memory: {used: 99%}"
        assert red(findings(server, f"{{{ALL}, {limits}}}", tmp_path)) == []
        run(server, "CREATE INDEX again ON public.parts  ( lower( (a)::text ))   WHERE b > 1")
        found = one(server, tmp_path, limits, "threshold[indexes].duplicate")
        assert found.origin == "public.again as public.small in database postgres"
    finally:
        run(server, "DROP TABLE public.parts")


def test_a_table_that_is_locked_is_not_waited_for(server: Cluster, tmp_path: Path) -> None:
    """What is to show who holds a lock must not wait for it."""
    run(
        server,
        "CREATE TABLE public.locked (a bigserial, b int)",
        "CREATE INDEX first ON public.locked (abs(b)) WHERE b > 1",
        "CREATE INDEX second ON public.locked (abs(b)) WHERE b > 1",
    )
    with sessions(server, 1) as (holder,):
        holder.execute("BEGIN; LOCK TABLE public.locked; REINDEX INDEX public.first")
        started = time.monotonic()
        found = findings(server, f"{{{ALL}}}", tmp_path)
        assert time.monotonic() - started < 10
    run(server, "DROP TABLE public.locked")
    assert {finding.verdict for finding in found.values()} == {Verdict.CONFORMS, Verdict.INAPPLICABLE}


def test_sequences_and_the_columns_that_they_fill(server: Cluster, tmp_path: Path) -> None:
    run(server, "CREATE SEQUENCE public.short MAXVALUE 100", "SELECT setval('public.short', 90)")
    found = one(server, tmp_path, "memory: {used: 99%}", "threshold[sequences].used")
    assert found.origin == "sequence public.short in database postgres"
    run(server, "ALTER SEQUENCE public.short CYCLE")
    assert red(findings(server, "{preset: standard, window: 1ms}", tmp_path)) == []
    run(
        server,
        "DROP SEQUENCE public.short",
        "CREATE TABLE public.keys (id int)",
        "CREATE SEQUENCE public.wide OWNED BY public.keys.id",
    )
    run(server, "SELECT setval('public.wide', 2000000000)")
    try:
        found = one(server, tmp_path, "memory: {used: 99%}", "threshold[keys].used")
        assert found.origin == "column id of public.keys (integer) in database postgres"
    finally:
        run(server, "DROP TABLE public.keys")


def test_multixact_ids_and_transaction_ids(server: Cluster, tmp_path: Path) -> None:
    run(server, *("SELECT txid_current()",) * 30)
    found = one(server, tmp_path, "age: {transactions: 20}", "threshold[age].transactions")
    assert found.origin.startswith("database ")
    run(server, "CREATE TABLE public.multi (id int)", "INSERT INTO public.multi VALUES (1)")
    with sessions(server, 2) as (first, second):
        for connection in (first, second):
            connection.execute("BEGIN; SELECT * FROM public.multi FOR SHARE")
        found = one(server, tmp_path, "age: {multixacts: 0}", "threshold[age].multixacts")
    run(server, "DROP TABLE public.multi")
    assert found.origin.startswith("database ")


def test_transaction_ids_that_are_old(tmp_path: Path) -> None:
    """On a cluster of its own, whose next transaction id is set near the end."""
    for server in cluster(16):
        run(server, "CHECKPOINT")
        server.stop()
        program = require_programs(16) / "pg_resetwal"
        owner = server.data.stat().st_uid
        command = [str(program), "-x", str(1_500_000_000), "-D", str(server.data)]
        subprocess.run(command, check=True, user=owner, capture_output=True)
        # the page of the commit log that holds this id
        segment = server.data / "pg_xact" / f"{1_500_000_000 // (8192 * 4 * 32):04X}"
        segment.write_bytes(bytes(262144))
        shutil.chown(segment, owner, owner)
        server.start()
        found = findings(server, "{preset: standard, window: 1ms}", tmp_path)
        assert red(found) == ["threshold[age].transactions"]
        assert found["threshold[age].transactions"].actual.startswith("1499")
