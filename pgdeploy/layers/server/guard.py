"""One apply at a time on a server, by advisory locks: they end with the sessions that hold them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import ApplyError
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.reach.session import decode_leniently, silence_event_triggers
from pgdeploy.reach.side_by_side import closing

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.server import Server

LOCK = (0x70676465, 0x706C6F79)
"""The advisory lock of an apply: `pgde`, `ploy`."""

WRITER = (0x70676465, 0x77726974)
"""The advisory lock that each session which writes has for itself: `pgde`, `writ`."""

PATIENCE = 10.0
"""Seconds to wait for what a killed apply has left at work."""

_HOLDERS = """
SELECT DISTINCT l.pid, a.usename::text FROM pg_catalog.pg_locks l
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.classid::int8 = %s AND l.objid::int8 = %s AND l.objsubid = 2"""

_HELD = """
SELECT FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND pid = %s AND classid::int8 = %s AND objid::int8 = %s AND objsubid = 2"""


class Guard:
    """Holds the advisory lock in a session of its own, and opens the sessions that write.

    A backend goes on for a while when its client is killed, and may still commit. So each session that writes has a
    lock of its own, which the next apply sees, and asks whether the guard's is still held before it does anything.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.Connection[Any] | None = None

    def take(self) -> None:
        """Take the lock, and wait for what a killed apply has left at work.

        Raises:
            ApplyError: a standby; or another apply runs, even one that came in by another database.
        """
        self._connection = self._server.open()
        decode_leniently(self._connection)
        try:
            self._take(self._connection)
        except BaseException:
            self.release()
            raise

    def _take(self, connection: psycopg.Connection[Any]) -> None:
        if connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone() == (True,):
            raise ApplyError("this server is a standby; apply to its primary")
        got = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", LOCK).fetchone()
        others = holders(connection, LOCK)
        if others or got != (True,):
            who = ", ".join(others) or "unknown"
            raise ApplyError(
                f"another apply is running on this server ({who}); wait for it and plan again; if that is no apply, "
                "as anybody can take its lock, end it with pg_terminate_backend"
            )
        start = time.monotonic()
        while left := holders(connection, WRITER):
            if time.monotonic() - start > PATIENCE:
                raise ApplyError(
                    f"an apply that was killed is still at work here ({', '.join(left)}); wait for it, or end "
                    "it with pg_terminate_backend, and plan again"
                )
            time.sleep(0.05)

    @contextmanager
    def session(self, database: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A session that writes.

        Raises:
            ApplyError: the guard's lock is lost, so another apply may be running.
            TargetError: an event trigger would give our rights to somebody.
        """
        pid = self._connection.info.backend_pid if self._connection is not None else 0
        with closing(self._server.open(database)) as connection:
            decode_leniently(connection)
            with connection.pipeline():
                ours = connection.execute("SELECT pg_catalog.pg_try_advisory_lock_shared(%s, %s)", WRITER)
                held = connection.execute(_HELD, [pid, *LOCK])
            if ours.fetchone() != (True,):
                who = ", ".join(holders(connection, WRITER)) or "unknown"
                raise ApplyError(
                    f"a session that is no apply's holds the lock of those that write ({who}); end it with "
                    "pg_terminate_backend, and plan again"
                )
            if held.fetchone() is None:
                raise ApplyError(f"the lock of this apply is lost: backend {pid}, which held it, has ended")
            silence_event_triggers(connection, self._server.address)
            yield connection

    def release(self) -> None:
        import psycopg

        if self._connection is not None:
            # closing alone lets the backend hold the lock until it has ended, and the next apply may be quicker
            with suppress(psycopg.Error):
                self._connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", LOCK)
            self._connection.close()
            self._connection = None


def holders(connection: psycopg.Connection[Any], lock: tuple[int, int]) -> list[str]:
    """Who else holds the lock, in any database."""
    return [f"backend {pid} of {user}" for pid, user in connection.execute(_HOLDERS, lock).fetchall()]


@contextmanager
def alone(server: Server) -> Iterator[Guard]:
    """Nobody else applies to this server until the end of the block.

    Raises:
        ApplyError: somebody does, or the server is a standby.
        TargetError: the server cannot be reached.
    """
    guard = Guard(server)
    with as_target_error(server.address):
        guard.take()
    try:
        yield guard
    finally:
        guard.release()
