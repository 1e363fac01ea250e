"""Proxmox's configuration of a VM: options by name, each a text; many of them a list of properties in one text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

Config: TypeAlias = Mapping[str, str]
Properties: TypeAlias = dict[str, str]

_DISK = re.compile(r"(scsi|virtio|sata|ide)\d+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)")
_FACTOR = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def split(text: str, default: str) -> Properties:
    """`local-zfs:vm-1-disk-0,size=32G` as a mapping; what stands without a key is `default`."""
    found: Properties = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        found[key if equals else default] = value if equals else key
    return found


def join(properties: Properties, default: str = "") -> str:
    """The text again; `default` stands without its key."""
    return ",".join(value if key == default else f"{key}={value}" for key, value in properties.items())


def is_on(text: str) -> bool:
    """Proxmox's spellings of a boolean."""
    return text.lower() in ("1", "on", "yes", "true")


def bytes_of_disk(text: str) -> int:
    """`32G` or `3584M` in bytes; 0 where it says no size."""
    found = _SIZE.fullmatch(text)
    return round(float(found[1]) * 2 ** _FACTOR[found[2]]) if found else 0


def disks(config: Config) -> dict[str, Properties]:
    """The drives by name, CD-ROMs among them."""
    return {name: split(text, "file") for name, text in config.items() if _DISK.fullmatch(name)}


def hard_disks(config: Config) -> dict[str, Properties]:
    """The drives by name, without CD-ROMs."""
    return {name: drive for name, drive in disks(config).items() if drive.get("media") != "cdrom"}


def unused(config: Config) -> list[str]:
    """The options that name disks which belong to the VM and are in no drive."""
    return [option for option in config if option.startswith("unused")]


def is_cloud_init(drive: Properties) -> bool:
    """Whether it is the small drive by which cloud-init is told what to do."""
    return drive.get("media") == "cdrom" and "cloudinit" in drive.get("file", "")


def storage_of(volume: str) -> str:
    """`local-zfs` of `local-zfs:vm-1-disk-0`."""
    return volume.partition(":")[0]


def shown(size: int) -> str:
    """A size as a spec writes it: in the largest unit in which it is whole, from GB down."""
    for unit, factor in (("GB", 30), ("MB", 20), ("kB", 10)):
        if size >= 1 << factor and size % (1 << factor) == 0:
            return f"{size >> factor}{unit}"
    return f"{size}B"
