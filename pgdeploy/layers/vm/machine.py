"""The VM itself: that the spec made it, where it is, what it has, that it runs as it is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.vm.config import Config, is_on, shown, split
from pgdeploy.layers.vm.declared import TAG, DeclaredVm, record_of, with_record
from pgdeploy.layers.vm.fact import vm_fact
from pgdeploy.layers.vm.made import Made
from pgdeploy.layers.vm.option import (
    Option,
    VmResource,
    ordered,
    plain,
    read_flag,
    read_property,
    said,
    set_property,
)
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.model.vm import MEBI

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.vm.fact import MachineFact
    from pgdeploy.spec.place import Keys


@dataclass(frozen=True, slots=True)
class Machine(VmResource):
    """The VM as a whole."""

    kind: ClassVar[str] = "vm"
    declared: DeclaredVm

    def checks(self) -> Iterator[Check]:
        states: dict[str, tuple[Keys, Callable[[Facts], Outcome]]] = {
            "node": (("vm", "node"), self._node),
            "running": (("vm",), self._running),
            "unlocked": (("vm",), self._unlocked),
            "pending": (("vm",), self._pending),
        }
        for field, (keys, compare) in states.items():
            yield Check(self, self.declared.address, field, keys, compare)
        yield from VmResource.checks(self)

    def options(self) -> Iterator[Option]:
        vm = self.declared.vm
        yield plain(self.declared, "name", vm.name, "none")
        yield plain(self.declared, "sockets", str(vm.sockets), "1")
        yield plain(self.declared, "cores", str(vm.cores), "1")
        yield self._vcpus()
        if vm.cpu is not None:
            yield self._option(
                "cpu",
                lambda: str(vm.cpu),
                read_property("cpu", "cputype", "cputype", "kvm64"),
                set_property("cpu", "cputype", "cputype", vm.cpu),
            )
        yield from self._memory()
        yield self._boot()
        yield self._option(
            "agent",
            lambda: said(vm.agent),
            read_flag("agent", "enabled", "enabled"),
            set_property("agent", "enabled", "enabled", str(int(vm.agent))),
        )
        for field, wanted in (("onboot", vm.onboot), ("protection", vm.protection)):
            if wanted is not None:
                yield self._flag(field, wanted)
        yield self._tags()
        yield self._record()

    # -- options ---------------------------------------------------------------------------------------

    def _option(
        self,
        field: str,
        desired: Callable[[], str],
        read: Callable[[Config], str],
        write: Callable[[Config], Config] | None,
    ) -> Option:
        keys: Keys = ("vm", field) if field in type(self.declared.vm).model_fields else ("vm",)
        return Option(self.declared.address, field, keys, desired, read, write)

    def _flag(self, field: str, desired: bool) -> Option:
        return self._option(
            field,
            lambda: said(desired),
            lambda config: said(is_on(config.get(field, "0"))),
            lambda config: {**config, field: str(int(desired))},
        )

    def _vcpus(self) -> Option:
        """Proxmox's own `vcpus` would start fewer than sockets x cores."""
        vm = self.declared.vm
        return self._option(
            "vcpus",
            lambda: str(vm.sockets * vm.cores),
            lambda config: config.get(
                "vcpus", str(int(config.get("sockets", "1")) * int(config.get("cores", "1")))
            ),
            lambda config: {key: text for key, text in config.items() if key != "vcpus"},
        )

    def _memory(self) -> Iterator[Option]:
        vm = self.declared.vm
        size = bytes_of(vm.memory)
        yield self._option(
            "memory",
            lambda: shown(size),
            lambda config: shown(memory_of(config)),
            lambda config: _with_memory(config, size // MEBI),
        )
        if vm.balloon is None:
            return
        floor = bytes_of(vm.balloon) if vm.balloon else 0
        yield self._option(
            "balloon",
            lambda: _floor(floor),
            lambda config: _floor(int(config.get("balloon", memory_of(config) // MEBI)) * MEBI),
            lambda config: {**config, "balloon": str(floor // MEBI)},
        )

    def _boot(self) -> Option:
        vm = self.declared.vm
        order, first = vm.boot, vm.boot_disk

        def read(config: Config) -> str:
            known = split(config.get("boot", ""), "legacy").get("order", "").split(";")
            # what comes after the disk matters only where the spec says so
            return " ".join(known if order else known[:1]) or "none"

        desired = " ".join(order) if order else first
        write = set_property("boot", "legacy", "order", ";".join(order or (first,)))
        return self._option("boot", lambda: desired, read, lambda config: _without_legacy(write(config)))

    def _tags(self) -> Option:
        desired = sorted({TAG, *self.declared.vm.tags})

        def read(config: Config) -> str:
            return ordered(tag for tag in desired if tag in _tags_of(config))

        def write(config: Config) -> Config:
            return {**config, "tags": ";".join(sorted({*_tags_of(config), *desired}))}

        return self._option("tags", lambda: ordered(desired), read, write)

    def _record(self) -> Option:
        declared = self.declared

        def write(config: Config) -> Config:
            return {**config, "description": with_record(config.get("description", ""), declared.record)}

        return self._option(
            "record", lambda: str(declared.record), lambda config: str(record_of(config) or "none"), write
        )

    # -- states ----------------------------------------------------------------------------------------

    def _node(self, facts: Facts) -> Outcome:
        return same(self.declared.vm.node, _machine(facts).node, remedy=self.declared.remedy())

    def _running(self, facts: Facts) -> Outcome:
        actual = "running" if _machine(facts).running else "stopped"
        return same("running", actual, remedy=f"pgdeploy vm start {self.declared.target}")

    def _unlocked(self, facts: Facts) -> Outcome:
        lock = _machine(facts).lock
        remedy = f"wait until it is done; if nothing does it any more: qm unlock {self.declared.vm.id}"
        return same("no lock", f"locked ({lock})" if lock else "no lock", remedy=remedy)

    def _pending(self, facts: Facts) -> Outcome:
        waiting = _machine(facts).pending
        actual = "; ".join(said_pending(option, *pair) for option, pair in waiting.items()) or "nothing"
        desired = "nothing waits for a power cycle"
        if waiting:
            actual = f"waits for a power cycle: {actual}"
        return Outcome(not waiting, desired, actual, remedy=self.declared.remedy(after=" --allow-restart"))


def running(declared: DeclaredVm) -> Check:
    """The check that it runs."""
    return next(check for check in Machine(declared).checks() if check.field == "running")


def said_pending(option: str, actual: str | None, coming: str | None) -> str:
    """One pending option in words."""
    return f"{option} {actual or 'none'} -> {coming or 'none'}"


def memory_of(config: Config) -> int:
    """In bytes; Proxmox's own default is 512 MiB."""
    return int(split(config.get("memory", "512"), "current")["current"]) * MEBI


def _machine(facts: Facts) -> MachineFact:
    machine = vm_fact(facts).machine
    assert machine is not None  # noqa: S101 - or the parent of all would drift
    return machine


def _floor(size: int) -> str:
    return shown(size) if size else "no ballooning"


def _with_memory(config: Config, size: int) -> Config:
    """Proxmox refuses a floor that is higher."""
    lower = {"balloon": str(size)} if int(config.get("balloon", "0")) > size else {}
    return {**config, "memory": str(size), **lower}


def _tags_of(config: Config) -> set[str]:
    return set(config.get("tags", "").replace(",", ";").replace(" ", ";").split(";")) - {""}


def _without_legacy(config: Config) -> Config:
    """`boot: order=...` replaces the older spellings."""
    boot = ",".join(part for part in config["boot"].split(",") if part.startswith("order="))
    return {key: text for key, text in {**config, "boot": boot}.items() if key != "bootdisk"}


def resources(declared: DeclaredVm) -> Iterator[Resource]:
    yield Made(declared)
    yield Machine(declared)
