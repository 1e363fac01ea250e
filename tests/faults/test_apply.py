"""Others in the way of an apply: another apply, a lock, a session on the template, a lost connection, a refusal."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgdeploy.errors import ApplyError, PgdeployError
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from tests.faults.conftest import converges, planned
from tests.program import pgdeploy as pgdeploy_program


class Working(threading.Thread):
    """An apply in a thread of its own, and how it ended."""

    def __init__(self, plan: Plan, server: Cluster, lock_timeout: str = "60s") -> None:
        super().__init__()
        self._make: Callable[[], object] = lambda: apply(plan, server, lock_timeout=lock_timeout)
        self.error: PgdeployError | None = None
        self.start()

    def run(self) -> None:
        try:
            self._make()
        except PgdeployError as error:
            self.error = error


@contextmanager
def role_held(server: Cluster) -> Iterator[None]:
    """Another session has an uncommitted change of the role that the apply wants to change, too."""
    with server.open() as other:
        other.execute("CREATE ROLE owner")
        other.execute("BEGIN")
        other.execute("ALTER ROLE owner CONNECTION LIMIT 7")
        yield
        other.execute("ROLLBACK")


def wait_for_a_waiting_backend(server: Cluster) -> int:
    query = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'pgdeploy'"
    )
    deadline = time.monotonic() + 30
    with server.open() as connection:
        while (row := connection.execute(query).fetchone()) is None:
            assert time.monotonic() < deadline, "nobody waits"
            time.sleep(0.01)
    return int(str(row[0]))


@pytest.fixture
def plan_that_waits(target: Target, server: Cluster) -> Iterator[Plan]:
    with role_held(server):
        yield planned(target, server)


def test_a_second_apply_is_refused(target: Target, server: Cluster, plan_that_waits: Plan) -> None:
    """Also one that comes in through another database, though advisory locks are per database."""
    first = Working(plan_that_waits, server, "2s")
    wait_for_a_waiting_backend(server)
    elsewhere = DsnServer(server.dsn.replace("dbname=postgres", "dbname=template1"))
    for second in (server, elsewhere):
        with pytest.raises(ApplyError, match="another apply is running"):
            apply(plan_that_waits, second)
    first.join()


def test_after_the_first_apply_there_is_nothing_left(target: Target, server: Cluster) -> None:
    plan = planned(target, server)
    applies = [Working(plan, server), Working(plan, server)]
    for working in applies:
        working.join()
    errors = [str(working.error) for working in applies if working.error]
    assert all("another apply is running" in error or "already exists" in error for error in errors)
    converges(target, server)


def test_a_lock_that_others_hold_stops_it(target: Target, server: Cluster, plan_that_waits: Plan) -> None:
    with pytest.raises(ApplyError) as stopped:
        apply(plan_that_waits, server, lock_timeout="100ms")
    said = str(stopped.value)
    assert "lock timeout" in said
    assert 'ALTER ROLE "owner"' in said
    assert "not done" in said
    with server.open() as connection:
        reader = connection.execute("SELECT FROM pg_roles WHERE rolname = 'reader'").fetchone()
    assert reader is None, "of a transaction that stopped nothing may be there"


def test_it_goes_on_when_the_lock_is_gone(target: Target, server: Cluster) -> None:
    with role_held(server):
        working = Working(planned(target, server), server)
        wait_for_a_waiting_backend(server)
    working.join()
    assert working.error is None
    converges(target, server)


def test_a_terminated_backend(target: Target, server: Cluster, plan_that_waits: Plan) -> None:
    working = Working(plan_that_waits, server)
    pid = wait_for_a_waiting_backend(server)
    with server.open() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    working.join()
    assert re.search("terminating connection|closed the connection", str(working.error))
    assert "apply again" in str(working.error)


def test_after_a_terminated_backend_it_converges(target: Target, server: Cluster) -> None:
    with role_held(server):
        working = Working(planned(target, server), server)
        pid = wait_for_a_waiting_backend(server)
        with server.open() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        working.join()
    converges(target, server)


def test_the_server_crashes(target: Target, server: Cluster) -> None:
    other = server.open()
    other.execute("CREATE ROLE owner")
    other.execute("BEGIN")
    other.execute("ALTER ROLE owner CONNECTION LIMIT 7")
    working = Working(planned(target, server), server)
    wait_for_a_waiting_backend(server)
    server._pg_ctl("stop", "-m", "immediate")
    working.join()
    other.close()
    assert isinstance(working.error, ApplyError)
    server._pg_ctl("start", "-l", str(server.log), "-o", server._server_options())
    converges(target, server)


def test_a_session_on_the_template(target: Target, server: Cluster) -> None:
    apply(planned(target, server), server)
    with server.open() as connection:
        connection.execute("DROP DATABASE copy")
    with server.open("base"), pytest.raises(ApplyError, match="being accessed by other users") as stopped:
        apply(planned(target, server), server)
    assert 'CREATE DATABASE "copy"' in str(stopped.value)
    converges(target, server)


def test_a_plan_that_cannot_be_written(target: Target, server: Cluster, tmp_path: Path) -> None:
    full = "/dev/full" if Path("/dev/full").exists() else str(tmp_path / "no" / "folder")
    done = pgdeploy_program("plan", str(target.file), "--dsn", server.dsn, "--out", full)
    assert done.returncode == 1
    assert full in done.stderr
    assert "Traceback" not in done.stderr
