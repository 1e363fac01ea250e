"""A real standby that falls behind: the primary's own check is red, and the standby's, too."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster, require_programs
from tests.thresholds.measuring import findings

LIMITS = "{replication: {lag: 1s}, window: 1ms}"


@contextmanager
def standby_of(primary: Cluster, home: Path, major: int) -> Iterator[Cluster]:
    """It follows the primary, as `walreceiver` does: without a slot."""
    primary.stop()
    with (primary.data / "pg_hba.conf").open("a") as rules:
        rules.write("local replication all trust\n")
    shutil.copytree(primary.home, home, symlinks=True)
    primary.start()
    data = home / primary.data.name
    (data / "standby.signal").touch()
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"primary_conninfo = '{primary.dsn} application_name=follower'\n")
    owner = primary.data.stat()
    for path in (data, *data.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    standby = Cluster(home, require_programs(major))
    standby.start()
    try:
        yield standby
    finally:
        standby.stop()


def lag(server: Cluster, folder: Path, major: int) -> Finding:
    return findings(server, LIMITS, folder, major)["threshold[replication].lag"]


def until(server: Cluster, folder: Path, major: int, verdict: Verdict) -> Finding:
    """The check, asked until it finds this or ten seconds are over."""
    end = time.monotonic() + 10
    while (found := lag(server, folder, major)).verdict is not verdict and time.monotonic() < end:
        time.sleep(0.2)
    return found


@pytest.mark.parametrize("major", [14, 18])
def test_a_standby_that_falls_behind(major: int, tmp_path: Path) -> None:
    for primary in cluster(major, ()):
        assert lag(primary, tmp_path, major).actual == "none"
        with standby_of(primary, primary.home.parent / "standby", major) as standby:
            write(primary)
            assert until(primary, tmp_path, major, Verdict.CONFORMS).verdict is Verdict.CONFORMS
            assert until(standby, tmp_path, major, Verdict.CONFORMS).verdict is Verdict.CONFORMS
            execute(standby, "SELECT pg_wal_replay_pause()")
            write(primary)
            time.sleep(1.2)
            write(primary)
            found = until(primary, tmp_path, major, Verdict.DRIFTS)
            assert (found.verdict, found.origin) == (Verdict.DRIFTS, "standby follower at a local socket")
            found = until(standby, tmp_path, major, Verdict.DRIFTS)
            assert (found.verdict, found.origin) == (Verdict.DRIFTS, "this standby")
            execute(standby, "SELECT pg_wal_replay_resume()")
            assert until(standby, tmp_path, major, Verdict.CONFORMS).verdict is Verdict.CONFORMS


def write(server: Cluster) -> None:
    execute(server, "CREATE TABLE IF NOT EXISTS public.written (at timestamptz)")
    execute(server, "INSERT INTO public.written SELECT now() FROM generate_series(1, 1000)")


def execute(server: Cluster, text: str) -> None:
    with server.open(configured=False) as connection:
        connection.execute(text.encode())
