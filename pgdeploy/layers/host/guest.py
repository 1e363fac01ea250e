"""The VM from inside: what Linux sees of the processors, the memory and the disks that Proxmox was told to give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from re import compile as pattern
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, same, within
from pgdeploy.layers.host.resource import HostResource, container, entry, not_in_container, section
from pgdeploy.layers.vm.config import shown
from pgdeploy.layers.vm.reached import REACHED, unreached
from pgdeploy.model.host.amount import bytes_of

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.model.vm import DiskSpec, VmSpec
    from pgdeploy.spec.place import Keys

MEMORY_SEEN = 0.9
"""What Linux shows of a machine's memory at least. It keeps 64 bytes of each page of 4 kB for itself, some 100 MB for
its own text, tables and buffers, and what is set aside for a crash kernel: 47.0 of 48 GB are left, 1.9 of 2 GB."""

GROUP = 128 << 20
"""Bytes that a file system may leave of its disk: ext4 takes no last group that is too small for its own tables."""

ABSENT = "no such disk"

_SCSI = pattern(r"scsi\d+").fullmatch


def device_of(disk: str) -> str | None:
    """Where the guest has a disk, by the name that Proxmox gives it; None where that is not certain.

    QEMU tells the guest Proxmox's name of a scsi disk. A virtio disk without a serial number has no name at all, and
    that of a sata disk counts the ports of all controllers, which are others with another machine type.
    """
    return f"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-{disk}" if _SCSI(disk) else None


def label_of(disk: str) -> str:
    """Of the file system that pg01.py makes on it; ext4 takes 16 characters."""
    return f"pgdeploy-{disk}"


@dataclass(frozen=True, slots=True)
class Guest(HostResource):
    """Processors and memory."""

    kind: ClassVar[str] = "guest"
    declared: DeclaredHost
    vm: VmSpec

    def checks(self) -> Iterator[Check]:
        yield Check(self, "guest[cpus]", "number", ("vm", "cores"), self._cpus)
        yield Check(self, "guest[memory]", "size", ("vm", "memory"), self._memory)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        return not_in_container(facts)

    def _cpus(self, facts: Facts) -> Outcome:
        desired, actual = str(self.vm.sockets * self.vm.cores), str(section(facts, "os")["cpus"])
        return same(desired, actual, remedy=_apply(self.declared))

    def _memory(self, facts: Facts) -> Outcome:
        most, actual = bytes_of(self.vm.memory), section(facts, "os")["memory"]
        floor = bytes_of(self.vm.balloon) if self.vm.balloon else most
        least = f"{self.vm.memory}" if floor == most else f"{self.vm.balloon}"
        desired = f"at least {MEMORY_SEEN:.0%} of {least}, at most {self.vm.memory}"
        measured = Measured(actual, "B", at_least=floor * MEMORY_SEEN, at_most=most)
        return within(measured, desired, f"{actual / (1 << 30):.2f}GB", remedy=_apply(self.declared))


@dataclass(frozen=True, slots=True)
class Reach(HostResource):
    """The way into the VM, the parent of all that is asked of its host."""

    kind: ClassVar[str] = "guest"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        address, _, field = REACHED.rpartition(".")
        yield Check(self, address, field, ("vm", "network", "address"), self._reached)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return None if unreached(facts) else HostResource.blocked_by(self, facts, check)

    def _reached(self, facts: Facts) -> Outcome:
        desired = "ssh reaches the VM"
        actual = str(facts.sections["host"]) if unreached(facts) else desired
        return same(desired, actual, remedy=f"{_apply(self.declared)} waits for it, and says for what")


@dataclass(frozen=True, slots=True)
class GuestDisk(HostResource):
    """One disk: its size, and with `mount:` its place and its file system."""

    kind: ClassVar[str] = "guest"
    declared: DeclaredHost
    disk: str
    spec: DiskSpec

    def checks(self) -> Iterator[Check]:
        address, keys = f"guest[{self.disk}]", ("vm", "disks", self.disk)
        yield Check(self, address, "size", (*keys, "size"), self._size)
        if self.spec.mount is not None:
            where: Keys = (*keys, "mount")
            yield Check(self, address, "mounted", where, self._mounted)
            yield Check(self, address, "boot", where, self._boot)
            yield Check(self, address, "grown", where, self._grown)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if device_of(self.disk) is None:
            return f"nothing in the VM says for certain which disk is {self.disk}"
        lacking = container(facts) and self._fact(facts) is None
        return "this container has no such disk" if lacking else None

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        above = HostResource.blocked_by(self, facts, check)
        if above is not None or check.field == "size" or self._fact(facts) is not None:
            return above
        return f"guest[{self.disk}].size drifts: {ABSENT}"

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field == "grown":
            yield self.mounted

    @property
    def mounted(self) -> Check:
        """The check that it is in its place."""
        return next(check for check in self.checks() if check.field == "mounted")

    def _fact(self, facts: Facts) -> Any:
        return entry(facts, "disks", self.disk)

    def _size(self, facts: Facts) -> Outcome:
        known, desired = self._fact(facts), bytes_of(self.spec.size)
        if known is None:
            return Outcome(
                False, shown(desired), ABSENT, device_of(self.disk) or "", remedy=_apply(self.declared)
            )
        remedy = f"{_apply(self.declared)}; if Proxmox has it so already, the guest sees it after a restart"
        return same(shown(desired), shown(known["size"]), origin=known["device"], remedy=remedy)

    def _mounted(self, facts: Facts) -> Outcome:
        known, mount = self._fact(facts), self.spec.mount
        actual, desired = known["mounted"], f"{self.disk} ({known['device']}) is mounted at {mount}"
        if actual is None:
            remedy = self.declared.remedy()
            return Outcome(False, desired, f"nothing is mounted at {mount}", remedy=remedy)
        remedy = self.declared.remedy(f"umount {mount}; then ")
        return Outcome(actual == known["device"], desired, f"{actual} is mounted at {mount}", remedy=remedy)

    def _boot(self, facts: Facts) -> Outcome:
        known, mount = self._fact(facts), self.spec.mount
        desired, lines = f"{self.disk} ({known['device']}) is mounted at {mount} at boot", known["boot"]
        actual = f"{', '.join(lines) or 'nothing'} is mounted at {mount} at boot"
        return Outcome(
            lines == [known["device"]], desired, actual, "/etc/fstab", remedy=self.declared.remedy()
        )

    def _grown(self, facts: Facts) -> Outcome:
        known = self._fact(facts)
        size, actual = known["size"], known["file_system"]
        desired = f"the file system takes all of {shown(size)}"
        if actual is None:
            return Outcome(False, desired, "neither ext4 nor xfs", remedy="move the data to a disk with ext4")
        return Outcome(
            size - actual < GROUP,
            desired,
            f"it takes {actual / (1 << 30):.2f}GB",
            remedy=self.declared.remedy(),
        )


def _apply(declared: DeclaredHost) -> str:
    """What a finding says where Proxmox puts it right."""
    return f"pgdeploy vm apply {declared.target}"


def disks(declared: DeclaredHost) -> list[GuestDisk]:
    """The disks of the VM."""
    vm = declared.spec.vm
    return [GuestDisk(declared, name, spec) for name, spec in vm.disks.items()] if vm is not None else []


def asked(declared: DeclaredHost) -> dict[str, dict[str, str | None]]:
    """What the gate asks of disks, by their names."""
    known = ((disk, device_of(disk.disk)) for disk in disks(declared))
    return {disk.disk: {"device": device, "mount": disk.spec.mount} for disk, device in known if device}


def under(declared: DeclaredHost, path: str) -> Iterator[Check]:
    """The check of the disk that a path is on, where the spec says so."""
    name = declared.layout.disk_under(path)
    yield from (disk.mounted for disk in disks(declared) if disk.disk == name)


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.spec.vm is not None:
        yield Reach(declared)
        yield Guest(declared, declared.spec.vm)
        yield from disks(declared)
