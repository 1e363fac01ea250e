"""The way of applications: by TCP, where we ourselves come by the server's socket.

A socket may be forwarded or mounted, and then the ports of the machine at its end are another server's. So nothing is
tried before it is shown that the server listens in the very network from which we would come.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pgdeploy.errors import Inapplicable, TargetError, Unreadable
from pgdeploy.layers.server.login.session import server_of, session
from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.layers.server.probes.way_in import Way, way
from pgdeploy.layers.server.setting import settings
from pgdeploy.reach.server import MACHINE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdeploy.core.facts import Facts
    from pgdeploy.reach.server import Server

_ANY: Mapping[str, str] = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Where clients on its own machine find a server that listens there."""
_LISTENS = "0A"
"""The kernel's word for a socket that waits for connections."""


@dataclass(frozen=True, slots=True)
class Network:
    """The server by TCP, and how it sees us there."""

    server: Server
    way: Way


def network(facts: Facts) -> Network | None:
    """None where we come by TCP ourselves, it is not known where the server listens, or that is not where we can go."""
    known, host = facts.once(settings), _host(facts)
    if facts.once(way).client is not None or host is None or not _is_there(facts):
        return None
    found = server_of(facts).by_tcp(host, known["port"].setting)
    tls = "ssl" in known and known["ssl"].setting == "on"
    return Network(found.server, Way(found.client, tls and found.can_tls)) if found is not None else None


def _host(facts: Facts) -> str | None:
    """The first address at which the server listens; None where that is a name, or there is none."""
    known = facts.once(settings)
    if not {"listen_addresses", "port"} <= known.keys():
        return None
    first = known["listen_addresses"].setting.split(",")[0].strip()
    host = _ANY.get(first, first)
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _is_there(facts: Facts) -> bool:
    """Whether the server's network is the one from which we would come to it."""
    port = int(facts.once(settings)["port"].setting)
    try:
        with session(facts) as connection:
            if connection.info.parameter_status("is_superuser") != "on":
                return False  # and no error in the server's log
            known = connection.execute(sql("machine"), [list(MACHINE)]).fetchone()
        return known is not None and is_same(known[0] or "", server_of(facts).machine(), port)
    except (Unreadable, Inapplicable, TargetError, OSError):
        return False  # another system than Linux, or no way to look


def is_same(one: str, other: str, port: int) -> bool:
    """Whether two readings of MACHINE are of the same network: one boot of one machine, and a socket in common that
    listens at this port. Containers on a machine have networks of their own.
    """
    boot = one.partition("\n")[0]
    return (
        boot != "" and other.startswith(f"{boot}\n") and bool(_listening(one, port) & _listening(other, port))
    )


def _listening(machine: str, port: int) -> set[str]:
    """The numbers of the sockets that listen at a port, as the kernel counts them."""
    rows = [line.split() for line in machine.splitlines()]
    return {row[9] for row in rows if len(row) > 9 and row[3] == _LISTENS and row[1].endswith(f":{port:04X}")}
