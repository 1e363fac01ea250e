"""Where a host is on the network: what its clients connect to, beside our own way in."""

from __future__ import annotations

import socket
import subprocess
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.reach.container import ContainerServer
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.ssh import SshServer

if TYPE_CHECKING:
    from pgdeploy.reach.server import Server

_ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"


def network_address(server: Server) -> str:
    """The address of the server's host, as this machine reaches it.

    Raises:
        Inapplicable: it has none that is its own: ssh goes by another host, or to this very machine.
        Unreadable: nobody could say.
    """
    if isinstance(server, SshServer):
        known = _ssh_config(server)
        for way in ("proxyjump", "proxycommand"):
            if known.get(way, "none") != "none":
                raise Inapplicable("ssh comes to this host by another one, so its network is not ours")
        return _resolved(known["hostname"])
    if isinstance(server, ContainerServer) and server.host is not None:
        name = server.host.address.removeprefix("container ")
        words = _said(["docker", "inspect", "-f", _ADDRESS, name]).split()
        if not words:
            raise Inapplicable("the container has no network of its own")
        return words[0]
    raise Inapplicable("how this server is reached does not say where its host is")


def _ssh_config(server: SshServer) -> dict[str, str]:
    """What ssh itself makes of the login's options."""
    login = server._login
    lines = _said(["ssh", "-G", *login.options, "--", login.host]).splitlines()
    return {key: value for key, _, value in (line.partition(" ") for line in lines)}


def _resolved(host: str) -> str:
    try:
        address = str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise Unreadable(f"{host} has no address here: {error.strerror}") from None
    if ip_address(address.partition("%")[0]).is_loopback:
        raise Inapplicable(f"ssh goes to {host}, which is this machine, so nothing is tried from outside")
    return address


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=10,
            env=environment_of_children(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreadable(f"{command[0]}: {error}") from None
    return done.stdout.decode(errors="replace")


def own_address(towards: str) -> str:
    """The address from which this machine would connect there; nothing is sent."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as found:
        found.connect((towards, 9))
        return str(found.getsockname()[0])


def port_state(address: str, port: int, timeout: float) -> str:
    """`open`, or why not: `refused`, `no answer`, or the system's own word."""
    try:
        socket.create_connection((address, port), timeout=timeout).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "no answer"
    except OSError as error:
        return error.strerror or str(error)
    return "open"
