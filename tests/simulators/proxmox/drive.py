"""Drives: what an option such as scsi0 says, and the volume behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.simulators.proxmox.cluster import Cluster, Machine
from tests.simulators.proxmox.config import is_cloudinit, is_drive
from tests.simulators.proxmox.options import parse_option, render_option
from tests.simulators.proxmox.quantity import parse_size
from tests.simulators.proxmox.refusal import Refusal
from tests.simulators.proxmox.storage import Volume

NEW_DISK = re.compile(r"(?:([^/:\s]+):)?(\d+(?:\.\d+)?)")
CLOUDINIT_SIZE = 4 << 20


@dataclass
class Drive:
    """`values` are the parts of the property string; `file` is the volume, or `none`, `cdrom`, `local:250`."""

    option: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return self.values.get("file") or self.values.get("volume", "none")

    @property
    def is_cloudinit(self) -> bool:
        return is_cloudinit(self.file)

    @property
    def is_cdrom(self) -> bool:
        return self.values.get("media") == "cdrom"

    @property
    def storage(self) -> str | None:
        return self.file.partition(":")[0] if ":" in self.file else None

    @property
    def new(self) -> tuple[str, float] | None:
        """Storage and GiB of a disk that is to be made."""
        match = NEW_DISK.fullmatch(self.file)
        return (match[1] or "", float(match[2])) if match else None

    def with_volume(self, volume: Volume, *, size: int | None) -> Drive:
        values = {key: value for key, value in self.values.items() if key not in ("format", "import-from")}
        values["file"] = volume.id
        if size is not None:
            values["size"] = str(size)
        return Drive(self.option, values)


def parse_drive(version: str, option: str, value: str) -> Drive:
    """`size` comes out in bytes, so that it is written in its largest unit again."""
    values = parse_option(version, option, value)
    if "size" in values:
        values["size"] = str(parse_size(values["size"]))
    return Drive(option, values)


def render_drive(version: str, drive: Drive) -> str:
    return render_option(version, drive.option, drive.values)


def drives(version: str, config: Mapping[str, str]) -> list[Drive]:
    return [parse_drive(version, key, config[key]) for key in sorted(config) if is_drive(key)]


def adopt(cluster: Cluster, machine: Machine) -> None:
    """Make the volumes that the configuration of a machine names."""
    for drive in drives(cluster.version, machine.config):
        storage_name, colon, name = drive.file.partition(":")
        if not colon:
            continue
        storage = cluster.storage(storage_name)
        if storage.find(machine.node, name) is None:
            size = parse_size(drive.values.get("size", "")) or CLOUDINIT_SIZE
            kind = name.rpartition(".")[2] if name.endswith((".raw", ".qcow2", ".vmdk")) else "raw"
            storage.volumes.append(
                Volume(storage.id, name, storage.place(machine.node), size, machine.vmid, kind)
            )


def create(cluster: Cluster, machine: Machine, drive: Drive) -> Drive:
    """Make what a drive asks for: a disk, a cloud-init volume; or take a volume that is there."""
    if drive.file in ("none", "cdrom"):
        return drive
    if drive.file.partition(":")[2] == "cloudinit":
        return _create_cloudinit(cluster, machine, drive)
    if drive.new:
        return _create_disk(cluster, machine, drive)
    if drive.file.startswith("/"):
        raise Refusal("Only root can pass arbitrary filesystem paths.")
    volume = cluster.volume(machine.node, drive.file)
    if volume is None:
        raise Refusal(f"volume {drive.file} does not exist")
    return drive.with_volume(volume, size=volume.size)


def _create_cloudinit(cluster: Cluster, machine: Machine, drive: Drive) -> Drive:
    for values in (machine.config, machine.config.pending):
        for other in sorted(values):
            if is_drive(other) and other != drive.option and is_cloudinit(values[other]):
                raise Refusal(f"{drive.option} - cloud-init drive is already attached at '{other}'")
    storage = cluster.storage(drive.storage or "")
    kind = drive.values.get("format") or ("qcow2" if storage.folder(1) else "raw")
    name = f"vm-{machine.vmid}-cloudinit{storage.suffix(kind)}"
    volume = storage.allocate(machine.node, machine.vmid, kind, name, CLOUDINIT_SIZE)
    made = drive.with_volume(volume, size=None)
    made.values["media"] = "cdrom"
    return made


def _create_disk(cluster: Cluster, machine: Machine, drive: Drive) -> Drive:
    assert drive.new is not None
    name, gib = drive.new
    if not name:
        raise Refusal("no storage ID specified (and no default storage)")
    storage = cluster.storage(name)
    kind = drive.values.get("format") or "raw"
    volume = storage.allocate(machine.node, machine.vmid, kind, None, int(gib * (1 << 30)))
    return drive.with_volume(volume, size=volume.size)


def retire(cluster: Cluster, machine: Machine, drive: Drive) -> None:
    """A volume that leaves its drive stays as unusedN; a cloud-init volume goes."""
    if drive.is_cloudinit:
        cluster.release(machine.node, drive.file)
        machine.config.changed.clear()
        return
    volume = cluster.volume(machine.node, drive.file)
    if drive.is_cdrom or volume is None or volume.vmid != machine.vmid:
        return
    if drive.file not in _unused(machine):
        number = next(n for n in range(256) if f"unused{n}" not in machine.config)
        machine.config[f"unused{number}"] = drive.file


def _unused(machine: Machine) -> list[str]:
    return [value for key, value in machine.config.items() if re.fullmatch(r"unused\d+", key)]


def forget_used(machine: Machine) -> None:
    """An unusedN whose volume is a drive again goes, as it does whenever the file is written."""
    used = {value.split(",")[0] for _, value in machine.config.drives()}
    for key in [key for key in machine.config if key.startswith("unused")]:
        if machine.config[key] in used:
            del machine.config[key]
