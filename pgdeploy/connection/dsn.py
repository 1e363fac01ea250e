"""Reach a server by a libpq connection string: `host=... user=...` or `postgresql://...`."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from pgdeploy.connection.server import MAINTENANCE, Server
from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.secret import Secret

CONNECT_TIMEOUT = 10
"""Seconds until an address that does not answer is given up, unless the DSN says otherwise."""

_MORE = ("DETAIL:", "HINT:")
"""Begin the lines that add to the one before."""


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
        self, database: str | None = None, *, user: str | None = None, password: Secret | None = None
    ) -> psycopg.Connection[tuple[object, ...]]:
        default = self._options.get("dbname") or os.environ.get("PGDATABASE") or MAINTENANCE
        options: dict[str, object] = {
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "pgdeploy",
            **self._options,
        }
        options["dbname"] = database or default
        if user is not None:
            options |= {"user": user, "password": password.reveal() if password else ""}
            if not password:
                del options["password"]
        return connect(self.address, options)


def connect(address: str, options: dict[str, object]) -> psycopg.Connection[tuple[object, ...]]:
    """Open one autocommit connection; a failure is one line that names the address, never the password."""
    import psycopg

    # what went wrong in a pipeline is raised; psycopg would also log it, on stderr
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        # names are UTF-8 whatever ALTER ROLE ... SET client_encoding says
        fixed = {**options, "client_encoding": "utf8"}
        return psycopg.connect(autocommit=True, prepare_threshold=None, **fixed)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise TargetError(f"{address}: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    """libpq's word on the last address it tried, without the questions that it asks back."""
    lines = [line.strip().removeprefix("- ") for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("Is the server")]
    last = next((at for at, line in reversed([*enumerate(said)]) if not line.startswith(_MORE)), 0)
    return "; ".join(said[last:]) or type(error).__name__
