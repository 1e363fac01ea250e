"""What listens on the host: PostgreSQL and the exporter where the spec says, and nothing that it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.core.remedy import Remedy
from pgdeploy.layers.host import service
from pgdeploy.layers.host.exporter_container import container
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Socket(HostResource):
    """One port of ours. `addresses` are as `listen_addresses` has them; `service` is the check of who listens."""

    kind: ClassVar[str] = "socket"
    declared: DeclaredHost
    port: int
    addresses: tuple[str, ...]
    service: Check | None
    keys: Keys

    def checks(self) -> Iterator[Check]:
        yield Check(self, f"socket[{self.port}]", "addresses", self.keys, self._compare)

    def parents(self, check: Check) -> Iterator[Check]:
        if self.service is not None:
            yield self.service

    def _compare(self, facts: Facts) -> Outcome:
        actual = {row["address"] for row in section(facts, "listening") if row["port"] == self.port}
        desired = listing(self.addresses)
        return Outcome(_fits(self.addresses, actual), desired, listing(actual), remedy=self._remedy)

    @property
    def _remedy(self) -> Remedy:
        if self.port == self.declared.layout.port:
            return self.declared.remedy(
                f"it listens as it was started: restart {self.declared.layout.unit}; "
            )
        return self.declared.remedy()


def _fits(desired: tuple[str, ...], actual: set[str]) -> bool:
    """Every address has its socket, and no socket is beyond them; what a name stands for is the host's to know."""
    allowed = [_means(word) for word in desired]
    there = all(any(address in means for address in actual) for means in allowed if means)
    if any(not means for means in allowed):
        return bool(actual) and there and not set(EVERYWHERE) & actual
    return there and actual <= {address for means in allowed for address in means}


def _means(word: str) -> frozenset[str]:
    """The sockets that a word of `listen_addresses` may give; none for a name that only the host can look up."""
    if word == "*":
        return frozenset(EVERYWHERE)
    if word == "localhost":
        return frozenset({"127.0.0.1", "::1"})
    try:
        return frozenset({str(ip_address(word))})
    except ValueError:
        return frozenset()


@dataclass(frozen=True, slots=True)
class OtherSockets(HostResource):
    """What else can be reached from outside."""

    kind: ClassVar[str] = "socket"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "listening")
        yield Check(self, "socket[others]", "undeclared", keys, self._compare, "undeclared")

    def _compare(self, facts: Facts) -> Outcome:
        layout, host = self.declared.layout, self.declared.host
        known = {layout.ssh_port, layout.port, *host.listening}
        known |= {host.exporter.port} if host.exporter else set()
        found = {
            f"{row['port']} on {row['address']}{_by(row['program'])}"
            for row in section(facts, "listening")
            if row["port"] not in known and not ip_address(row["address"]).is_loopback
        }
        desired = f"nothing but {listing(map(str, known))} listens to other hosts"
        remedy = "stop what listens there, or write its port into host: listening:"
        return Outcome(not found, desired, listing(found), remedy=remedy)


def _by(program: str) -> str:
    return f" ({program})" if program else ""


def postgres(declared: DeclaredHost) -> Socket:
    """PostgreSQL's port."""
    layout = declared.layout
    keys: Keys = ("settings", "listen_addresses")
    return Socket(declared, layout.port, layout.listen_addresses, service.active(declared), keys)


def exporter(declared: DeclaredHost) -> Socket | None:
    """The exporter's port."""
    spec, unit = declared.host.exporter, service.exporter(declared)
    if spec is None:
        return None
    # Go listens to both families where it is told to listen everywhere
    addresses = ("*",) if spec.address in EVERYWHERE else (spec.address,)
    active = next(unit.checks()) if unit is not None else container(declared)
    return Socket(declared, spec.port, addresses, active, ("host", "exporter", "listen"))


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield postgres(declared)
    yield from filter(None, (exporter(declared),))
    yield OtherSockets(declared)
