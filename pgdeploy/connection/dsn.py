"""Reach a server by a libpq connection string: `host=... user=...` or `postgresql://...`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pgdeploy.connection.server import APPLICATION, MAINTENANCE, Server
from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.secret import Secret

CONNECT_TIMEOUT = 10
"""Seconds until an address that does not answer is given up, unless the DSN says otherwise."""


class DsnServer(Server):
    """A server that libpq reaches by itself. PGPASSWORD, PGPASSFILE and service files work as in psql."""

    def __init__(self, dsn: str) -> None:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        try:
            self._options = conninfo_to_dict(dsn)
        except ProgrammingError:
            # libpq's own message quotes the string, which may hold a password
            raise TargetError(
                "--dsn: not a libpq connection string; write 'host=... user=...' or postgresql://user@host/"
            ) from None
        options = self._options
        self.address = f"{options.get('host') or os.environ.get('PGHOST') or 'local socket'}"
        if options.get("port"):
            self.address += f":{options['port']}"

    def open(
        self,
        database: str | None = None,
        *,
        user: str | None = None,
        password: Secret | None = None,
        application_name: str = APPLICATION,
        configured: bool = True,
    ) -> psycopg.Connection[tuple[object, ...]]:
        default = self._options.get("dbname") or os.environ.get("PGDATABASE") or MAINTENANCE
        options: dict[str, object] = {
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": application_name,
            "options": os.environ.get("PGOPTIONS", ""),
            **self._options,
        }
        options["dbname"] = database or default
        if user is not None:
            options |= {"user": user, "password": password.reveal() if password else ""}
            if not password:
                del options["password"]
        return self._session(options, configured=configured)
