"""What a machine is made of, as its configuration in Proxmox says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from ruamel.yaml import YAML

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Drive:
    """A disk beside that of the system."""

    volume: str
    """What Proxmox calls it; it keeps its content in another slot too."""
    size: int
    id: str
    """Its name in /dev/disk/by-id."""


@dataclass(frozen=True)
class Address:
    """What the network card is given by the cloud-init drive."""

    interface: IPv4Interface
    gateway: IPv4Address | None


def drives(config: Mapping[str, str]) -> Iterator[Drive]:
    """All scsiN but the first, which is the system."""
    for key, value in sorted(config.items()):
        slot = re.fullmatch(r"scsi([1-9]\d*)", key)
        volume, options = _split(value)
        if slot and "size" in options and options.get("media") != "cdrom":
            serial = options.get("serial") or f"drive-{key}"
            yield Drive(volume, _bytes(options["size"]), f"scsi-0QEMU_QEMU_HARDDISK_{serial}")


def mac(config: Mapping[str, str]) -> str:
    """The hardware address of net0, or nothing."""
    found = re.search(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", config.get("net0", ""))
    return found[0] if found else ""


def address(network_config: str) -> Address | None:
    """The first static address of a network-config of version 1, which Proxmox writes; None for DHCP."""
    read = YAML(typ="safe").load(network_config) or {}
    for device in read.get("config", []):
        for subnet in device.get("subnets", []):
            if subnet.get("type") == "static":
                return _address(subnet)
    return None


def _address(subnet: Mapping[str, str]) -> Address:
    text = subnet["address"]
    interface = IPv4Interface(text if "/" in text else f"{text}/{subnet['netmask']}")
    gateway = subnet.get("gateway")
    return Address(interface, IPv4Address(gateway) if gateway else None)


def _split(value: str) -> tuple[str, dict[str, str]]:
    first, *rest = value.split(",")
    return first, dict(part.partition("=")[::2] for part in rest)


def _bytes(size: str) -> int:
    return int(float(size.rstrip("KMGT")) * _UNITS[size[len(size.rstrip("KMGT")) :]])
