"""The disks of a VM: where they are, how large, with which options; and the storages that they are on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Verdict, evaluate, same
from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.config import (
    Config,
    bytes_of_disk,
    hard_disks,
    join,
    shown,
    split,
    storage_of,
    unused,
)
from pgdeploy.layers.vm.fact import vm_fact
from pgdeploy.layers.vm.option import Option, VmResource, Write, read_flag, said, set_property
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.model.vm import GIBI
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.model.vm import DiskSpec
    from pgdeploy.spec.place import Keys

ABSENT = "no such disk"


@dataclass(frozen=True, slots=True)
class Disk(VmResource):
    """One disk. What is new of it is made with the configuration; growing is a request of its own."""

    kind: ClassVar[str] = "vm_disk"
    declared: DeclaredVm
    disk: str
    spec: DiskSpec

    @property
    def desired_size(self) -> int:
        """In bytes."""
        return bytes_of(self.spec.size)

    def size(self, config: Config) -> int:
        """In bytes; 0 where there is none. One that is asked for as STORAGE:GiB will have that size."""
        properties = self._properties(config)
        asked = properties.get("file", "").rpartition(":")[2]
        return int(asked) * GIBI if asked.isdigit() else bytes_of_disk(properties.get("size", ""))

    def options(self) -> Iterator[Option]:
        spec = self.spec
        new = None if self.disk == self.declared.vm.boot_disk else self._made
        yield self._option("storage", spec.storage, self._storage, new, remedy=self._moved())
        yield self._option("size", shown(self.desired_size), self._size, remedy=self._grown())
        if spec.format is not None:
            yield self._option(
                "format", spec.format, self._format, remedy="make it anew, or move it with its format"
            )
        for field, on in (("discard", "on"), ("ssd", "1"), ("iothread", "1")):
            wanted = getattr(spec, field)
            if wanted is not None:
                yield self._option(
                    field,
                    said(wanted),
                    read_flag(self.disk, "file", field),
                    self._set_flag(field, on if wanted else None),
                )

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        above = VmResource.blocked_by(self, facts, check)
        if above is not None or check.field == "storage":
            return above
        parent = next(self.checks())
        found = evaluate(parent, facts)
        absent = found.verdict is Verdict.DRIFTS and found.actual == ABSENT
        return f"{parent.id} drifts: {ABSENT}" if absent else None

    def _option(
        self,
        field: str,
        desired: str,
        read: Callable[[Config], str],
        write: Write | None = None,
        remedy: str = "",
    ) -> Option:
        keys: Keys = ("vm", "disks", self.disk, field)
        return Option(f"vm_disk[{self.disk}]", field, keys, lambda: desired, read, write, remedy)

    def _set_flag(self, field: str, value: str | None) -> Write:
        """Nothing is written of a disk that is not there: there is nothing that it could be a property of."""
        write = set_property(self.disk, "file", field, value)
        return lambda config: write(config) if self.disk in config else config

    def _properties(self, config: Config) -> dict[str, str]:
        return split(config.get(self.disk, ""), "file")

    def _storage(self, config: Config) -> str:
        volume = self._properties(config).get("file")
        return storage_of(volume) if volume else ABSENT

    def _size(self, config: Config) -> str:
        return shown(self.size(config))

    def _format(self, config: Config) -> str:
        """Written beside the volume, or the end of its name, or else the only one that there is."""
        properties = self._properties(config)
        _, dot, ending = properties.get("file", "").rpartition(".")
        return properties.get("format") or (ending if dot and ending in ("qcow2", "vmdk") else "raw")

    def _made(self, config: Config) -> Config:
        """A new disk is asked for as STORAGE:GiB; one on another storage is left where it is.

        None is made while the VM has unused ones: this one may be among them, with all its data.
        """
        if self.disk in config or unused(config):
            return config
        properties = {"file": f"{self.spec.storage}:{self.desired_size // GIBI}"}
        if self.spec.format is not None:
            properties["format"] = self.spec.format
        return {**config, self.disk: join(properties, "file")}

    def _moved(self) -> str:
        vm = self.declared.vm
        if self.disk == vm.boot_disk:
            missing = (
                f"if it is absent, let `disks:` begin with the one that template {vm.template} boots from"
            )
        else:
            missing = f"if it is absent, {self.declared.apply} makes it, unless an unused one may be it: reattach that"
        return (
            f"move it on its node: qm disk move {vm.id} {self.disk} {self.spec.storage} --delete; {missing}"
        )

    def _grown(self) -> str:
        return f"{self.declared.apply} lets it grow; disks never shrink: if it is larger, write that into the spec"


@dataclass(frozen=True, slots=True)
class Storage(VmResource):
    """A storage, where the spec says its type: what can be on it follows from that."""

    kind: ClassVar[str] = "vm_disk"
    declared: DeclaredVm
    storage: str

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("vm", "storages", self.storage)
        if self.storage not in self.declared.vm.storages:
            keys = ("vm", "disks")
        yield Check(self, f"vm_storage[{quoted_name(self.storage)}]", "type", keys, self._type)

    def _type(self, facts: Facts) -> Outcome:
        node = self.declared.vm.node
        known = vm_fact(facts).cluster.storages.get((node, self.storage))
        if known is None:
            raise Unreadable(
                f"{node} has no storage {self.storage}, or the token has no Datastore.Audit on /storage/{self.storage}"
            )
        desired = str(self.declared.vm.storage_type(self.storage))
        return same(desired, known.type, remedy="write its type under `storages:`")


@dataclass(frozen=True, slots=True)
class Others(VmResource):
    """Disks that the spec does not name: a data disk of somebody's, or one that was replaced and lies about."""

    kind: ClassVar[str] = "vm_disk"
    declared: DeclaredVm

    def checks(self) -> Iterator[Check]:
        yield Check(self, "vm_disk[others]", "undeclared", ("vm", "disks"), self._undeclared, "undeclared")

    def _undeclared(self, facts: Facts) -> Outcome:
        machine = vm_fact(facts).machine
        config = machine.config if machine else {}
        beyond = {*hard_disks(config), *unused(config)} - {*self.declared.vm.disks}
        return Outcome(
            not beyond,
            "no disks beyond the spec",
            listing(f"{disk} ({config[disk]})" for disk in beyond),
            remedy="write it into the spec; or detach it, and remove what is unused, after a look at what it holds",
        )


def disks_of(declared: DeclaredVm) -> list[Disk]:
    """The disks that the spec names."""
    return [Disk(declared, disk, spec) for disk, spec in declared.vm.disks.items()]


def resources(declared: DeclaredVm) -> Iterator[VmResource]:
    used = dict.fromkeys(spec.storage for spec in declared.vm.disks.values())
    yield from (Storage(declared, used_one) for used_one in used if declared.vm.storage_type(used_one))
    yield from disks_of(declared)
    yield Others(declared)
