"""Reach a server by a libpq connection string: `host=... user=...` or `postgresql://...`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.reach.libpq import service
from pgdeploy.reach.server import MAINTENANCE, Server
from pgdeploy.secret import conninfo
from pgdeploy.secret.reference import Secret, mask

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT = 10
"""Seconds until an address that does not answer is given up, unless the DSN says otherwise."""

REQUIRE_AUTH = "!password,!md5"
"""A password is sent by SCRAM only, unless the spec or the DSN allows more. Peer, certificates and trust send none."""

_REFUSED = "authentication method requirement"
"""What libpq says when a server asks for the password in another way."""


class DsnServer(Server):
    """A server that libpq reaches by itself. PGPASSWORD, PGPASSFILE and service files work as in psql.

    `written` is what messages call the DSN; `require_auth` are the ways to log in that the spec allows.
    """

    def __init__(self, dsn: str, *, written: str = "--dsn", require_auth: str | None = None) -> None:
        try:
            self._options = conninfo.options(dsn)
        except conninfo.ConninfoError as error:
            raise TargetError(f"{written}: {error}") from None
        options = self._options
        self._require_auth = options.get("require_auth") or require_auth or os.environ.get("PGREQUIREAUTH")
        self.address = f"{options.get('host') or os.environ.get('PGHOST') or 'local socket'}"
        if options.get("port"):
            self.address += f":{options['port']}"

    def _way_in(self, user: str | None, application_name: str) -> dict[str, object]:
        options: dict[str, object] = {
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": application_name,
            "options": os.environ.get("PGOPTIONS", ""),
            **({"service": name} if (name := service()) is not None else {}),
            **self._options,
        }
        options["dbname"] = self._options.get("dbname") or os.environ.get("PGDATABASE") or MAINTENANCE
        options["require_auth"] = self._require_auth or REQUIRE_AUTH
        if user is not None:
            options["user"] = user
            options.pop("password", None)
        return options

    def _session(
        self, options: dict[str, object], *, configured: bool
    ) -> psycopg.Connection[tuple[object, ...]]:
        try:
            return super()._session(options, configured=configured)
        except TargetError as error:
            raise type(error)(_explained(str(error), options)) from error


def _explained(said: str, options: dict[str, object]) -> str:
    """libpq's words without any secret of the connection; where it did not send the password, what to do."""
    secrets = [Secret(str(options[key])) for key in conninfo.SECRETS if options.get(key)]
    said = mask(said, secrets)
    if _REFUSED not in said:
        return said
    return (
        f"{said}: pgdeploy sends a password by SCRAM only; write scram-sha-256 in pg_hba.conf, or allow it by "
        "`require_auth: password` (or md5) beside `dsn:`, or require_auth=password in the DSN"
    )
