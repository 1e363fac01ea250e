"""The way of applications: by TCP, where we ourselves come by the socket of a server on this machine.

A socket may be forwarded or mounted, and then this machine's ports are another server's. So nothing is tried before it
is shown that the server is a process of this machine.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.check import Inapplicable
from pgdeploy.errors import Unreadable
from pgdeploy.probes.session import server_of, session, sql
from pgdeploy.probes.way_in import Way, way
from pgdeploy.resources.setting import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdeploy.connection.server import Server
    from pgdeploy.facts import Facts

_ANY: Mapping[str, str] = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}  # noqa: S104
"""Where we find a server that listens there."""


@dataclass(frozen=True, slots=True)
class Network:
    """The server by TCP, and how it sees us there."""

    server: Server
    way: Way


def network(facts: Facts) -> Network | None:
    """None where we come by TCP ourselves, the server listens nowhere, or it is not known to be here."""
    address = _address(facts)
    if facts.once(way).client is not None or address is None or not facts.once(_is_here):
        return None
    known = facts.once(settings)
    tls = "ssl" in known and known["ssl"].setting == "on"
    port = known["port"].setting
    client = _source(address, int(port))
    return Network(server_of(facts).by_tcp(address, port), Way(client, tls)) if client is not None else None


def _address(facts: Facts) -> str | None:
    known = facts.once(settings)
    if not {"listen_addresses", "port"} <= known.keys():
        return None
    first = known["listen_addresses"].setting.split(",")[0].strip()
    return _ANY.get(first, first) or None


def _source(address: str, port: int) -> str | None:
    """The address from which we come to it; nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect((address, port))
            return str(asked.getsockname()[0])
    except (OSError, OverflowError):
        return None


def _is_here(facts: Facts) -> bool:
    """Whether the process at the other end of our socket is the server, by the number that it knows itself by."""
    try:
        with session(facts) as connection:
            known = connection.execute(sql("postmaster")).fetchone()
            return known is not None and known[0] == _peer(connection.fileno())
    except (Unreadable, Inapplicable, OSError):
        return False  # another system, or a login that may not read it


def _peer(descriptor: int) -> int:
    """Who listens at the other end of a socket."""
    with socket.socket(fileno=os.dup(descriptor)) as ours:
        pid, _, _ = struct.unpack("3i", ours.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)
