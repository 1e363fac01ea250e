"""One thing that a spec says of a VM's configuration: how it is read there, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, held_up
from pgdeploy.core.remedy import NOTHING, Remedy
from pgdeploy.layers.vm.config import Config, is_on, join, split
from pgdeploy.layers.vm.fact import vm_fact
from pgdeploy.layers.vm.made import made

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.spec.place import Keys

Write = Callable[[Config], Config]


@dataclass(frozen=True, slots=True)
class Option:
    """A comparison of two texts, and what makes them one.

    `desired` is asked when it is compared, as it may stand in a file. Without `write`, no change of the
    configuration does it, and `remedy` says what does.
    """

    address: str
    field: str
    keys: Keys
    desired: Callable[[], str]
    read: Callable[[Config], str]
    write: Write | None = None
    remedy: Remedy | str = NOTHING
    at_boot: bool = False
    """Proxmox takes it at once, the guest at its next boot, and nobody says so in between: set while it is down."""

    @property
    def id(self) -> str:
        return f"{self.address}.{self.field}"


class VmResource(Resource):
    """A part of a VM. Its options are compared with what is in effect."""

    kind: ClassVar[str] = "vm"
    layer: ClassVar[str] = "vm"
    declared: DeclaredVm

    def options(self) -> Iterator[Option]:
        """What it says of the configuration."""
        return iter(())

    def checks(self) -> Iterator[Check]:
        for option in self.options():
            yield Check(self, option.address, option.field, option.keys, partial(self._compare, option))

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        vm_fact(facts)  # raises where there is no VM, or Proxmox does not answer
        parent = made(self.declared)
        if check.id == parent.id:
            return None
        return held_up(parent, facts)

    def _compare(self, option: Option, facts: Facts) -> Outcome:
        machine = vm_fact(facts).machine
        assert machine is not None  # noqa: S101 - or its parent would drift
        desired, actual = option.desired(), option.read(machine.config)
        remedy, origin = option.remedy or self.declared.remedy(), ""
        if option.at_boot:
            remedy = self.declared.remedy(after=" --allow-restart")
        if actual != desired and option.read(machine.coming) == desired:
            origin = "set, and in effect after a power cycle"
            remedy = self.declared.remedy(after=" --allow-restart")
        return Outcome(actual == desired, desired, actual, origin, remedy=remedy)


# -- ways to read and write ----------------------------------------------------------------------------


def plain(declared: DeclaredVm, field: str, desired: str, default: str) -> Option:
    """An option that is one text, called alike here and there; `default` is Proxmox's own."""
    return Option(
        declared.address,
        field,
        ("vm", field),
        lambda: desired,
        lambda config: config.get(field, default),
        lambda config: {**config, field: desired},
    )


def said(on: bool) -> str:
    """A flag in words."""
    return "on" if on else "off"


def read_property(key: str, default_key: str, field: str, absent: str = "none") -> Callable[[Config], str]:
    """Reads one property of an option that is a list of them."""
    return lambda config: split(config.get(key, ""), default_key).get(field, absent)


def read_flag(key: str, default_key: str, field: str) -> Callable[[Config], str]:
    """The same of a property that is on or off."""
    return lambda config: said(is_on(split(config.get(key, ""), default_key).get(field, "")))


def set_property(key: str, default_key: str, field: str, value: str | None) -> Write:
    """Writes one property, or takes it out; the others stay."""

    def write(config: Config) -> Config:
        properties = split(config.get(key, ""), default_key)
        properties.pop(field, None)
        if value is not None:
            properties[field] = value
        rest = {option: text for option, text in config.items() if option != key}
        return {**rest, key: join(properties, default_key)} if properties else rest

    return write


def ordered(items: Iterable[str]) -> str:
    """Items as they stand, none left out."""
    return " ".join(items) or "none"
