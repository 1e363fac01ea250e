"""A canary: a client that takes the locks of reads and writes of all tables twenty times a second, and says how long it
had to wait.

It writes no row: triggers and rules that somebody set to fire in each case would run as us.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from pgdeploy.reach.server_message import server_message

if TYPE_CHECKING:
    from types import TracebackType

    import psycopg

_EVERY = 0.05
_MOST = 50
"""Tables, the largest: each takes two statements a round."""
_READS = "SELECT FROM ONLY {} LIMIT 1"
"""Opens the indexes, too."""
_WRITES = "LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE"
_TABLES = """
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY c.relpages DESC, 1 LIMIT %s
"""


class Canary:
    """Sings from enter to exit. `longest` is its longest wait in seconds, `of` the table that it waited for; `why` says
    what ended it before, and then nobody knows how long users would wait."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._over = Event()
        self._thread: Thread | None = None
        self.longest, self.of, self.why = 0.0, "", ""

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

    def _run(self, connection: psycopg.Connection[Any]) -> None:
        import psycopg

        with closing(connection):
            try:
                while not self._over.wait(_EVERY):
                    for (table,) in connection.execute(_TABLES.encode(), [_MOST]).fetchall():
                        self._sing(connection, str(table))
            except psycopg.Error as error:
                self.why = server_message(error)

    def _sing(self, connection: psycopg.Connection[Any], table: str) -> None:
        """`table` is as the server quotes it."""
        import psycopg

        for statement in _READS, _WRITES:
            began = time.monotonic()
            with (
                suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName),
                connection.transaction(),
            ):
                connection.execute(statement.format(table).encode())
            if (waited := time.monotonic() - began) > self.longest:
                self.longest, self.of = waited, table
