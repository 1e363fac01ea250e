"""Watches a migration from beside it: how long it keeps others off a table, and whether that is longer than allowed."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from pgdeploy.layers.server.guard import WRITER
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import psycopg

_HELD = """
SELECT l.pid, pg_catalog.format('%%I.%%I', n.nspname, c.relname), a.xact_start::text, (
    SELECT pg_catalog.max(extract(epoch FROM pg_catalog.clock_timestamp() - w.waitstart))::float8
    FROM pg_catalog.pg_locks AS w
    WHERE NOT w.granted AND w.database = l.database AND w.relation = l.relation
      AND l.pid = ANY (pg_catalog.pg_blocking_pids(w.pid))
)
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_database AS d ON d.oid = l.database
WHERE l.granted AND l.locktype = 'relation' AND d.datname = pg_catalog.current_database()
  AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
  AND c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'
  AND EXISTS (
    SELECT FROM pg_catalog.pg_locks AS m
    WHERE m.pid = l.pid AND m.locktype = 'advisory' AND m.classid::int8 = %s AND m.objid::int8 = %s)
"""
"""Tables that others see too, so none that the migration makes; a session that writes for us has a lock of its own."""
_EVERY = 0.1
"""Seconds between two looks."""
_GRACE = 1.0
"""Seconds after which a session that was canceled is ended: one that waits for its program has nothing to cancel."""


class Watch:
    """Looks while a migration runs; `limit` in seconds is how long it may keep others off a table, None has no end.

    What it saw is as exact as it looks often: ten times in a second.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], limit: float | None) -> None:
        self._connect, self._limit = connect, limit
        self._over = Event()
        self._thread: Thread | None = None
        self._since: dict[tuple[int, str, str], float] = {}
        self._stopped_at = 0.0
        self.stopped = ""
        """The table that was held for too long, for which the migration was stopped."""
        self._longest: tuple[float, str] = (0.0, "")
        self._waited = 0.0

    def __enter__(self) -> Self:
        """Raises TargetError: the database cannot be reached."""
        self._thread = Thread(target=self._run, args=[self._connect()], daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def seen(self) -> str:
        """How long others were kept off a table since the last time, in words; empty where nobody noticed."""
        (held, table), waited = self._longest, self._waited
        self._longest, self._waited = (0.0, ""), 0.0
        if held < 2 * _EVERY:
            return ""
        others = f", and somebody waited for {shown(waited, 's')}" if waited else ""
        return f"kept others off {table} for {shown(held, 's')}{others}"

    @property
    def longest(self) -> tuple[float, str]:
        """For how many seconds others were kept off a table, and off which, since `seen` was asked."""
        return self._longest

    def _run(self, connection: psycopg.Connection[Any]) -> None:
        """Until it is over; a server that is gone is told by the migration itself."""
        import psycopg

        with closing(connection), suppress(psycopg.Error):
            while not self._over.wait(_EVERY):
                self._look(connection)

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        rows = connection.execute(_HELD, WRITER).fetchall()
        now = time.monotonic()
        held = {(pid, table, began): now for pid, table, began, _ in rows}
        self._since = {one: self._since.get(one, now) for one in held}
        self._waited = max([self._waited, *(waited for *_, waited in rows if waited is not None)])
        for (pid, table, _), since in self._since.items():
            self._longest = max(self._longest, (now - since, table))
            if self._limit is not None and now - since > self._limit:
                self._stop(connection, pid, table, now)

    def _stop(self, connection: psycopg.Connection[Any], pid: int, table: str, now: float) -> None:
        if not self.stopped:
            self.stopped, self._stopped_at = table, now
        ends = now - self._stopped_at > _GRACE
        how = "pg_catalog.pg_terminate_backend" if ends else "pg_catalog.pg_cancel_backend"
        connection.execute(f"SELECT {how}(%s)".encode(), [pid])
