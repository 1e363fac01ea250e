"""Storages and their volumes: names, formats, room."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulators.proxmox.refusal import Refusal

GIB = 1 << 30

FORMATS = {
    "zfspool": ("raw",),
    "lvmthin": ("raw",),
    "rbd": ("raw",),
    "dir": ("raw", "qcow2", "vmdk"),
    "nfs": ("raw", "qcow2", "vmdk"),
}
"""Formats of images by type of storage."""

FILES = ("dir", "nfs")
"""Types whose volumes are files: 101/vm-101-disk-0.qcow2."""


@dataclass
class Volume:
    """`node` is None on a shared storage. A linked clone takes no room of its own."""

    storage: str
    name: str
    node: str | None
    size: int
    vmid: int
    format: str = "raw"
    parent: str | None = None
    ctime: int = field(default_factory=lambda: int(time.time()))
    content: str = "images"

    @property
    def id(self) -> str:
        return f"{self.storage}:{self.name}"

    @property
    def is_base(self) -> bool:
        return self.name.rpartition("/")[2].startswith("base-")


@dataclass
class Storage:
    """`total` bytes are there on each node, or once if it is shared. `nodes` None is all of them."""

    id: str
    type: str
    content: tuple[str, ...]
    total: int
    shared: bool = False
    nodes: tuple[str, ...] | None = None
    enabled: bool = True
    used: int = 0
    """Bytes that are taken by what is no volume here."""
    volumes: list[Volume] = field(default_factory=list)

    def on(self, node: str) -> bool:
        return self.nodes is None or node in self.nodes

    def place(self, node: str) -> str | None:
        return None if self.shared else node

    def taken(self, node: str) -> int:
        place = self.place(node)
        return self.used + sum(v.size for v in self.volumes if v.node == place and v.parent is None)

    def free(self, node: str) -> int:
        return max(0, self.total - self.taken(node))

    def find(self, node: str, name: str) -> Volume | None:
        place = self.place(node)
        return next((v for v in self.volumes if v.name == name and v.node == place), None)

    def demand(self, node: str) -> None:
        """As storage_check_enabled does."""
        if not self.enabled:
            raise Refusal(f"storage '{self.id}' is disabled")
        if not self.on(node):
            raise Refusal(f"storage '{self.id}' is not available on node '{node}'")

    def allocate(self, node: str, vmid: int, format: str, name: str | None, size: int) -> Volume:
        """A new empty volume of `size` bytes; `name` without a folder."""
        self.demand(node)
        formats = FORMATS[self.type]
        if format not in formats:
            raise Refusal(f"unsupported format '{format}'" if self.type != "nfs" else f"{format} unsupported")
        name = self.folder(vmid) + (name or self.free_name(node, vmid, format))
        if self.find(node, name):
            raise Refusal(self._exists(name))
        self.demand_room(node, name, size)
        volume = Volume(self.id, name, self.place(node), size, vmid, format)
        self.volumes.append(volume)
        return volume

    def demand_room(self, node: str, name: str, size: int) -> None:
        if size <= self.free(node):
            return
        if self.type == "zfspool":
            raise Refusal(f"zfs error: cannot create 'rpool/data/{name}': out of space")
        if self.type == "lvmthin":
            raise Refusal(f"lvcreate '{self.id}/{name}' error:   Cannot create new thin volume, free space")
        raise Refusal(f"unable to create image: qemu-img: {name}: No space left on device")

    def clone(self, node: str, base: Volume, vmid: int) -> Volume:
        """A linked clone: `base-9000-disk-0/vm-2002-disk-0`."""
        if not base.is_base:
            raise Refusal("clone_image only works on base images")
        name = f"{base.name}/{self.folder(vmid)}{self.free_name(node, vmid, base.format)}"
        volume = Volume(self.id, name, self.place(node), base.size, vmid, base.format, parent=base.name)
        self.volumes.append(volume)
        return volume

    def resize(self, node: str, volume: Volume, size: int) -> None:
        if size - volume.size > self.free(node):
            last = volume.name.rpartition("/")[2]
            raise Refusal(f"zfs error: cannot set property for 'rpool/data/{last}': out of space")
        volume.size = size

    def release(self, node: str, name: str) -> None:
        volume = self.find(node, name)
        if volume is None:
            return
        if any(other.parent == name for other in self.volumes):
            raise Refusal(f"base volume '{self.id}:{name}' is still in use by linked clones")
        self.volumes.remove(volume)

    def folder(self, vmid: int) -> str:
        return f"{vmid}/" if self.type in FILES else ""

    def suffix(self, format: str) -> str:
        return f".{format}" if self.type in FILES else ""

    def free_name(self, node: str, vmid: int, format: str) -> str:
        place = self.place(node)
        taken = {_number(volume.name, vmid) for volume in self.volumes if volume.node == place}
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        return f"vm-{vmid}-disk-{number}{self.suffix(format)}"

    def _exists(self, name: str) -> str:
        if self.type == "zfspool":
            return f"zfs error: cannot create 'rpool/data/{name}': dataset already exists"
        return f"disk image '{name}' already exists"


def _number(name: str, vmid: int) -> int | None:
    match = re.fullmatch(rf"(?:base|vm)-{vmid}-disk-(\d+)(?:\.\w+)?", name.rpartition("/")[2])
    return int(match[1]) if match else None


def owned(volumes: Iterable[Volume], vmid: int) -> list[Volume]:
    return [volume for volume in volumes if volume.vmid == vmid]
