"""Bridges with a subnet each, which this machine is the gateway of, as vmbr0 of a node is."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from pgdeploy.errors import TargetError

_RANGE = IPv4Network("172.24.0.0/13")
"""Within what the firewalls of the tests' specs let in, and above what a Docker engine takes first."""
_TRIES = 20
PREFIX = "qg-"

_numbers = itertools.count(1)


class Bridge:
    """One, until it is closed. Machines on it reach what this machine reaches."""

    def __init__(self) -> None:
        self.subnet = _free()
        self.name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
        run("ip", "link", "add", self.name, "type", "bridge")
        try:
            run("ip", "address", "add", f"{self.subnet[1]}/{self.subnet.prefixlen}", "dev", self.name)
            run("ip", "link", "set", self.name, "up")
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
            for rule in self._rules():
                run("iptables", "-w", "-t", rule[0], "-I", *rule[1:])
        except TargetError:
            self.close()
            raise

    def plug(self, tap: str) -> None:
        """The card of a machine that runs."""
        run("ip", "link", "set", tap, "master", self.name, "up")

    def close(self) -> None:
        """Nothing of it is left; again does no harm."""
        for rule in self._rules():
            subprocess.run(
                ["iptables", "-w", "-t", rule[0], "-D", *rule[1:]], capture_output=True, check=False
            )
        remove(self.name)

    def _rules(self) -> Iterator[tuple[str, ...]]:
        """Where a Docker engine runs, nothing else is forwarded."""
        yield ("filter", "FORWARD", "-i", self.name, "-j", "ACCEPT")
        yield ("filter", "FORWARD", "-o", self.name, "-j", "ACCEPT")
        yield ("nat", "POSTROUTING", "-s", str(self.subnet), "!", "-o", self.name, "-j", "MASQUERADE")


def bridges() -> Iterator[tuple[str, int]]:
    """All bridges of such labs, and the process that each belongs to."""
    for path in Path("/sys/class/net").glob(f"{PREFIX}*-*"):
        yield path.name, int(path.name.split("-")[1])


def remove(bridge: str) -> None:
    subprocess.run(["ip", "link", "delete", bridge], capture_output=True, check=False)


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TargetError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _free() -> IPv4Network:
    taken = [
        IPv4Network(route["dst"])
        for route in json.loads(run("ip", "-4", "-json", "route"))
        if route["dst"] != "default"
    ]
    for _ in range(_TRIES):
        start = int(_RANGE[0]) + 256 * random.randrange(_RANGE.num_addresses // 256)
        subnet = IPv4Network((start, 24))
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise TargetError(f"no free subnet was found in {_RANGE}")
