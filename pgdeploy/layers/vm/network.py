"""The network card of a VM, and the address that it is to have: as configured, and as the guest agent tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, held_up
from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.config import Config, join, split
from pgdeploy.layers.vm.fact import vm_fact
from pgdeploy.layers.vm.machine import running
from pgdeploy.layers.vm.option import Option, VmResource, ordered, read_property, set_property
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.spec.place import Keys

CARD, ADDRESS = "net0", "vm_network[net0]"
_CARD = re.compile(r"net\d+").fullmatch
_MODELS = ("virtio", "e1000", "e1000e", "rtl8139", "vmxnet3")


@dataclass(frozen=True, slots=True)
class Network(VmResource):
    """net0, and ipconfig0 by which cloud-init sets it up."""

    kind: ClassVar[str] = "vm_network"
    declared: DeclaredVm

    def checks(self) -> Iterator[Check]:
        yield from VmResource.checks(self)
        if self.declared.vm.agent:
            yield Check(self, ADDRESS, "reported", ("vm", "network", "address"), self._reported)
        others = "vm_network[others]"
        yield Check(self, others, "undeclared", ("vm", "network"), self._undeclared, "undeclared")

    def options(self) -> Iterator[Option]:
        spec = self.declared.vm.network
        vlan = str(spec.vlan) if spec.vlan is not None else None
        yield self._option("model", spec.model, _model_of, lambda config: _with_model(config, spec.model))
        yield self._property("bridge", CARD, "model", "bridge", spec.bridge)
        yield self._property("vlan", CARD, "model", "tag", vlan)
        six = "6" if spec.interface.version == 6 else ""
        yield self._property("address", "ipconfig0", "", f"ip{six}", spec.address)
        yield self._property("gateway", "ipconfig0", "", f"gw{six}", spec.gateway)
        if spec.dns:
            yield self._text("dns", "nameserver", ordered(list(spec.dns)))
        if spec.search is not None:
            yield self._text("search", "searchdomain", spec.search)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        above = VmResource.blocked_by(self, facts, check)
        if above is not None or check.field != "reported":
            return above
        return held_up(running(self.declared), facts)

    def _option(
        self,
        field: str,
        desired: str,
        read: Callable[[Config], str],
        write: Callable[[Config], Config],
    ) -> Option:
        keys: Keys = ("vm", "network", field)
        return Option(ADDRESS, field, keys, lambda: desired, read, write)

    def _property(self, field: str, key: str, default: str, part: str, desired: str | None) -> Option:
        read = read_property(key, default, part)
        option = self._option(field, desired or "none", read, set_property(key, default, part, desired))
        return replace(option, at_boot=key == "ipconfig0")

    def _text(self, field: str, key: str, desired: str) -> Option:
        return self._option(
            field,
            desired,
            lambda config: ordered(config.get(key, "").replace(",", " ").replace(";", " ").split()),
            lambda config: {**config, key: desired},
        )

    def _reported(self, facts: Facts) -> Outcome:
        machine = vm_fact(facts).machine
        known = machine.addresses if machine else ()
        if isinstance(known, Unreadable):
            raise known
        desired = self.declared.vm.network.interface
        return Outcome(
            desired in {ip_interface(address) for address in known},
            f"the guest has {desired}",
            f"the guest has {listing(known)}",
            "the guest agent",
            remedy=self.declared.remedy("cloud-init sets it at boot: ", " --allow-restart"),
        )

    def _undeclared(self, facts: Facts) -> Outcome:
        """A card beyond the spec is a way in, or out, that nobody declared."""
        machine = vm_fact(facts).machine
        config = machine.config if machine else {}
        beyond = [f"{option} ({text})" for option, text in config.items() if _CARD(option) and option != CARD]
        return Outcome(
            not beyond, "no network cards beyond the spec", listing(beyond), remedy="remove it in Proxmox"
        )


def _model_of(config: Config) -> str:
    properties = split(config.get(CARD, ""), "model")
    return next((model for model in _MODELS if model in properties), properties.get("model", "none"))


def _with_model(config: Config, model: str) -> Config:
    """The card keeps its hardware address, and Proxmox makes one up for a new card."""
    properties = split(config.get(CARD, ""), "model")
    mac = next((properties[known] for known in _MODELS if known in properties), properties.get("macaddr"))
    rest = {key: text for key, text in properties.items() if key not in (*_MODELS, "model", "macaddr")}
    first = {model: mac} if mac else {"model": model}
    return {**config, CARD: join({**first, **rest}, "model")}


def resources(declared: DeclaredVm) -> Iterator[VmResource]:
    yield Network(declared)
