"""Networks of the engine, in which machines have the addresses that their configuration says."""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.gate.container.stale import OWNER, owner
from tests.simulators.proxmox_guest.hardware import Address

_RANGE = IPv4Network("172.24.0.0/13")
"""Within what the firewalls of the tests' specs let in, and above what the engine itself takes first."""
_TRIES = 20


class Networks:
    """Those of one test: made when asked for, removed at its end."""

    def __init__(self) -> None:
        self._names: dict[IPv4Network, str] = {}
        self._turn = threading.Lock()

    def free(self) -> IPv4Network:
        """A subnet that nobody has; from now on it is ours. Its gateway, this machine, is its first address."""
        for _ in range(_TRIES):
            subnet = _draw()
            if any(subnet.overlaps(taken) for taken in _routes()):
                continue
            try:
                self._make(subnet, subnet[1])
            except TargetError as error:  # another process took it between the look and now
                if "overlaps" not in str(error):
                    raise
            else:
                return subnet
        raise TargetError(f"no free subnet was found in {_RANGE}")

    def having(self, address: Address) -> str:
        """The name of the network that has this address; made if missing.

        Raises:
            TargetError: somebody else has it, or the engine refuses.
        """
        subnet = address.interface.network
        with self._turn:  # machines are started at the same time
            if subnet not in self._names:
                self._make(subnet, address.gateway or subnet[-2])
            return self._names[subnet]

    def close(self) -> None:
        for name in self._names.values():
            attempt("network", "rm", name)
        self._names.clear()

    def _make(self, subnet: IPv4Network, gateway: IPv4Address) -> None:
        name = f"pgdeploy-guest-{subnet.network_address}-{secrets.token_hex(4)}"
        label = f"{OWNER}={owner()}"
        docker(
            *("network", "create", "--subnet", str(subnet), "--gateway", str(gateway), "--label", label, name)
        )
        self._names[subnet] = name


def _draw() -> IPv4Network:
    return IPv4Network((int(_RANGE[0]) + 256 * random.randrange(_RANGE.num_addresses // 256), 24))


def _routes() -> Iterator[IPv4Network]:
    """Where this machine can go already."""
    done = subprocess.run(["ip", "-4", "-json", "route"], capture_output=True, text=True, check=True)
    for route in json.loads(done.stdout):
        if route["dst"] != "default":
            yield IPv4Network(route["dst"])
