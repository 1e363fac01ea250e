"""What every way of reaching a server can do: open connections, and say what it cannot.

A `Server` is one running PostgreSQL as pgdeploy reaches it. The ways (by DSN, embedded, over ssh, in a
container) differ only in how a connection opens and in what is allowed beside SQL: restart, write pg_hba.conf.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

    from pgdeploy.reach.host import Host
    from pgdeploy.secret.reference import Secret

APPLICATION = "pgdeploy"
"""The application_name of our sessions; those of probes have another one."""

BUDGET = 60.0
"""Seconds that one bulk read may take, unless --timeout says otherwise."""

LONGEST = 86400


def seconds(text: str) -> float:
    """What --timeout says. Raises ValueError with what is allowed."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0.1 <= number <= LONGEST:
        return number
    raise ValueError(f"read {str(text)!r}; allowed: a number of seconds from 0.1 to {LONGEST}")


MACHINE = "/proc/sys/kernel/random/boot_id", "/proc/net/tcp", "/proc/net/tcp6"
"""Files of the kernel (Linux): which boot of which machine this is, and which sockets of its network are in use."""

MAINTENANCE = "postgres"
"""The database for work on the whole server. One name for everybody, as advisory locks are per database."""


@dataclass(frozen=True, slots=True)
class ByTcp:
    """A server by TCP: `client` is the address from which it sees us come."""

    server: Server
    client: str
    can_tls: bool = True


class Server:
    """One running server. Subclasses say the way in; what they cannot do stays refused here.

    `address` is what messages call it. `can_restart` and `can_write_hba` (of pg_ident.conf, too) tell the
    plan which changes are ours to make.
    """

    kind = "live"
    address = ""
    can_restart = False
    can_write_hba = False
    own_hba_lines = 0
    """Lines at the head of pg_hba.conf by which pgdeploy itself comes in; they are no part of any spec."""
    own_ident_lines = 0
    """The same at the head of pg_ident.conf."""
    budget: float = BUDGET
    """Seconds that one bulk read may take."""
    _version = 0
    """server_version_num, once a session has told it."""
    host: Host | None = None
    """The host under it, where we can run commands on that."""

    def open(
        self,
        database: str | None = None,
        *,
        user: str | None = None,
        password: Secret | None = None,
        application_name: str = APPLICATION,
        configured: bool = True,
    ) -> psycopg.Connection[tuple[object, ...]]:
        """A new autocommit connection, to the maintenance database unless another is named.

        It is the same whatever ALTER ROLE and ALTER DATABASE preset. Not `configured`, it is as any client of
        that role would get it: for tests that act as the role and nothing more.

        Raises:
            TargetError: the server cannot be reached or refuses the login, or a pooler answers; one line, no secret.
        """
        options = self._way_in(user, application_name)
        if database:
            options["dbname"] = database
        if password is not None:
            options["password"] = password.reveal()
        return self._session(options, configured=configured)

    def _way_in(self, user: str | None, application_name: str) -> dict[str, object]:
        """libpq's options for the maintenance database; subclasses give them. As `user`, they hold no password."""
        raise NotImplementedError

    def _session(
        self, options: dict[str, object], *, configured: bool
    ) -> psycopg.Connection[tuple[object, ...]]:
        """The session that libpq's `options` lead to."""
        from pgdeploy.reach.session import connect, connect_unconfigured

        if not configured:
            return connect_unconfigured(self.address, options)
        connection = connect(self.address, options, version=self._version)
        self._version = connection.info.server_version
        return connection

    def machine(self) -> str:
        """The files MACHINE of where `by_tcp` comes from, one after the other; those that are missing are left out."""
        there = [Path(file) for file in MACHINE]
        return "".join(file.read_text(encoding="ascii") for file in there if file.exists())

    def by_tcp(self, host: str, port: str) -> ByTcp | None:
        """The same server, by TCP to one of its addresses; None where no way leads there."""
        client = _source(host, int(port))
        by_tcp = _Otherwise(
            self, f"{host}:{port}", {"host": host, "hostaddr": "", "port": port, "sslmode": "prefer"}
        )
        return ByTcp(by_tcp, client) if client is not None else None

    def beside(self, socket_path: str) -> Server:
        """Another server of the same host, at this socket. Close it when done.

        Raises:
            TargetError: this way leads to no host.
        """
        raise TargetError("this way leads to one server, and to no host: use ssh")

    def requiring(self, how: str) -> Server:
        """The same server, where libpq gives up unless the server asks who we are in this way."""
        return _Otherwise(self, self.address, {"require_auth": how})

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        """Why this kind of server cannot have what the spec says, or None when it can."""
        return None

    def restart(self) -> None:
        """Restart, so that settings of context postmaster take effect."""
        raise TargetError(f"{self.address}: pgdeploy cannot restart this server; restart it where it runs")

    def write_hba(self, text: str, *, whole: bool = False) -> str:
        """Replace the rules of pg_hba.conf, and give the whole text that it had; `whole` takes such a text back."""
        raise TargetError(f"{self.address}: pgdeploy cannot write pg_hba.conf over a database connection")

    def write_ident(self, text: str, *, whole: bool = False) -> str:
        """The same of pg_ident.conf."""
        raise TargetError(f"{self.address}: pgdeploy cannot write pg_ident.conf over a database connection")

    def close(self) -> None:
        """Release what `open` and the constructor took."""


def _source(host: str, port: int) -> str | None:
    """The address from which we come to it; nothing is sent."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((host, port))
            return str(asked.getsockname()[0])
    except OSError:
        return None


class _Otherwise(Server):
    """A server that we come to in another way than its own, by some options of libpq."""

    def __init__(self, server: Server, address: str, options: Mapping[str, object]) -> None:
        self._server = server
        self._options = options
        self.address = address

    def _way_in(self, user: str | None, application_name: str) -> dict[str, object]:
        return {**self._server._way_in(user, application_name), **self._options}
