"""The lock of an apply holds as long as any of its sessions is at work, and not a moment less."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pgdeploy.errors import ApplyError
from pgdeploy.gate.target import Target
from pgdeploy.layers.server import guard
from pgdeploy.layers.server.apply import apply
from pgdeploy.reach.embedded import Cluster
from tests.faults.conftest import converges, planned
from tests.faults.test_apply import Working, role_held, wait_for_a_waiting_backend


def _killed_at_work(target: Target, server: Cluster) -> int:
    """The backend of an apply that was killed while one of its statements waits for a lock."""
    command = [sys.executable, "-m", "pgdeploy", "apply", str(target.file), "--dsn", server.dsn, "--yes"]
    running = subprocess.Popen(
        [*command, "--lock-timeout", "60s"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    backend = wait_for_a_waiting_backend(server)
    running.kill()
    running.wait()
    return backend


def test_a_killed_apply_that_still_works_keeps_the_next_one_out(
    target: Target, server: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    with role_held(server):
        backend = _killed_at_work(target, server)
        with pytest.raises(ApplyError, match=f"killed is still at work here .backend {backend} of postgres"):
            apply(planned(target, server), server)
    converges(target, server)


def test_the_next_apply_waits_for_what_a_killed_one_has_left(target: Target, server: Cluster) -> None:
    with role_held(server):
        backend = _killed_at_work(target, server)
        second = Working(planned(target, server), server)
        with server.open() as connection:
            held = "SELECT FROM pg_locks WHERE pid = %s AND locktype = 'advisory' AND granted"
            assert connection.execute(held, [backend]).fetchone() is not None
        assert second.is_alive()
    second.join(60)
    # what it was planned from has moved, or it is done: never both at once
    assert second.error is None or "already exists" in str(second.error)
    converges(target, server)


def test_an_apply_whose_lock_is_lost_stops(target: Target, server: Cluster) -> None:
    """Whatever ended the session that held it: an idle_session_timeout, an administrator."""
    plan = planned(target, server)
    with guard.alone(server) as held:
        with server.open() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        with (
            pytest.raises(ApplyError, match=r"the lock of this apply is lost: backend \d+"),
            held.session() as _,
        ):
            pass
    apply(plan, server)
    converges(target, server)


def test_no_timeout_of_the_server_ends_the_lock(target: Target, server: Cluster) -> None:
    with server.open() as connection:
        connection.execute("ALTER SYSTEM SET idle_session_timeout = '100ms'")
        connection.execute("SELECT pg_reload_conf()")
    try:
        with role_held(server):
            first = Working(planned(target, server), server, "2s")
            wait_for_a_waiting_backend(server)
            first.join(60)
        # it waited two seconds with its lock, and was stopped by what it waited for
        assert "lock timeout" in str(first.error)
        assert "is lost" not in str(first.error)
    finally:
        with server.open() as connection:
            connection.execute("ALTER SYSTEM RESET idle_session_timeout")
            connection.execute("SELECT pg_reload_conf()")
    converges(target, server)


def test_who_holds_the_lock_is_named(target: Target, server: Cluster) -> None:
    """Anybody who may log in can take an advisory lock: the message says whom to ask."""
    with server.open() as connection:
        connection.execute("CREATE ROLE tenant LOGIN PASSWORD 'tenant'")
        connection.execute("SET SESSION AUTHORIZATION tenant")
        connection.execute("SELECT pg_advisory_lock(%s, %s)", guard.LOCK)
        connection.execute("RESET SESSION AUTHORIZATION")
        plan = planned(target, server)
        with pytest.raises(ApplyError, match=r"another apply is running on this server \(backend \d+ of "):
            apply(plan, server)
        connection.execute("SELECT pg_advisory_unlock_all()")
        connection.execute("DROP ROLE tenant")
    converges(target, server)
