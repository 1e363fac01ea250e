"""One release at a time on a server: an advisory lock, held by a session whose name says what is at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.server.guard import holders
from pgdeploy.reach.server_message import as_target_error

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.server import Server

RELEASE = (0x70676465, 0x72656C65)
"""`pgde`, `rele`."""
_LINGERS = 2.0
"""Seconds in which the server has seen that a release which was killed is gone."""
_COMES_BACK = 60.0
"""Seconds in which a server that was restarted answers again."""


class HeldByAnother(TargetError):
    """Another release runs on this server."""


class ReleaseLock:
    """Ends with its session: what a kill leaves, nobody has to remove. A server that was restarted is asked again."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: psycopg.Connection[Any] | None = None

    def at(self, what: str) -> None:
        """Say in pg_stat_activity what is at work; the lock is ours when this returns. A server that was restarted is
        waited for.

        Raises:
            HeldByAnother: another release has it.
            TargetError: the server does not answer.
        """
        import psycopg

        name = f"pgdeploy release: {what}"
        end = time.monotonic()
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute(
                    "SELECT pg_catalog.set_config('application_name', %s, false)", [name]
                )
                return
            self.let_go()
            end += _COMES_BACK
        self._connection = self._opened(name, end)
        end = time.monotonic() + _LINGERS
        while (others := self._others(self._connection)) is not None:
            if time.monotonic() > end:
                self.let_go()
                raise HeldByAnother(
                    f"another release is running on this server ({others}): wait for it; if that is no release, as "
                    "anybody can take its lock, end it with pg_terminate_backend"
                )
            time.sleep(0.1)

    def _others(self, connection: psycopg.Connection[Any]) -> str | None:
        """Who has the lock; None where it is ours."""
        with as_target_error(self._server.address):
            got = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", RELEASE).fetchone()
            others = holders(connection, RELEASE)
            if not others and got == (True,):
                return None
            if got == (True,):
                connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", RELEASE)
        return ", ".join(others) or "unknown"

    def _opened(self, name: str, end: float) -> psycopg.Connection[Any]:
        while True:
            try:
                return self._server.open(application_name=name)
            except TargetError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def let_go(self) -> None:
        import psycopg

        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", RELEASE)
            self._connection.close()
            self._connection = None


@contextmanager
def alone(server: Server) -> Iterator[ReleaseLock]:
    """Until the end of the block no other release runs on this server. Raises TargetError: one does."""
    lock = ReleaseLock(server)
    lock.at("reading")
    try:
        yield lock
    finally:
        lock.let_go()
