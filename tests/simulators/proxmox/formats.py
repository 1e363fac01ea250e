"""The named formats of the description, with Proxmox's own words where a value is wrong."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from tests.simulators.proxmox.quantity import parse_size

Check = Callable[[str], None]


class BadFormat(Exception):
    """The text is what stands behind `invalid format - `, newline included."""


def split_list(text: str | None) -> list[str]:
    return [part for part in re.split(r"[,;\s\0]+", text or "") if part]


def _matching(pattern: str, message: str) -> Check:
    compiled = re.compile(pattern)

    def check(value: str) -> None:
        if not compiled.fullmatch(value):
            raise BadFormat(message.replace("%s", value) + "\n")

    return check


def _is_ip(value: str, version: int | None = None) -> bool:
    try:
        return version is None or ipaddress.ip_address(value).version == version
    except ValueError:
        return False


def _ip(version: int) -> Check:
    def check(value: str) -> None:
        if not _is_ip(value, version):
            raise BadFormat(f"value does not look like a valid IPv{version} address\n")

    return check


def _is_cidr(value: str, version: int) -> bool:
    address, _, prefix = value.partition("/")
    return (
        _is_ip(address, version) and prefix.isdecimal() and 7 < int(prefix) <= (32 if version == 4 else 128)
    )


def _cidr(version: int) -> Check:
    def check(value: str) -> None:
        if not _is_cidr(value, version):
            raise BadFormat(f"value does not look like a valid IPv{version} CIDR network\n")

    return check


def _any_cidr(value: str) -> None:
    if not (_is_cidr(value, 4) or _is_cidr(value, 6)):
        raise BadFormat("value does not look like a valid CIDR network\n")


def _ip_config(version: int, words: tuple[str, ...]) -> Check:
    def check(value: str) -> None:
        if value not in words and not _is_cidr(value, version):
            raise BadFormat(f"value does not look like a valid ipv{version} network configuration\n")

    return check


_DNS = r"([a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?"


def _address(value: str) -> None:
    if not (_is_any_ip(value) or re.fullmatch(_DNS, value)):
        raise BadFormat(f"value does not look like a valid address: {value}\n")


def _is_any_ip(value: str) -> bool:
    return _is_ip(value, 4) or _is_ip(value, 6)


def _disk_size(value: str) -> None:
    if parse_size(value) is None:
        raise BadFormat(f"value does not look like a valid disk size: {value}\n")


def _urlencoded(value: str) -> None:
    """Percent signs must be escapes, and nothing may stand there that an encoder would have escaped."""
    if not re.fullmatch(r"[-%a-zA-Z0-9_.!~*'()]*", value):
        raise BadFormat(f"invalid urlencoded string: {value}\n")


def _startup(value: str) -> None:
    for part in value.split(","):
        if part.strip() and not re.fullmatch(r"(order=)?\d+|up=\d+|down=\d+", part):
            raise BadFormat("unable to parse startup options\n")


def _hotplug(value: str) -> None:
    if value in ("0", "1"):
        return
    for part in split_list(value):
        if part not in ("network", "disk", "cpu", "memory", "usb", "cloudinit"):
            raise BadFormat(f"invalid hotplug feature '{part}'\n")


def _boot_device(value: str) -> None:
    if not re.fullmatch(r"(ide|sata|scsi|virtio|net|usb|hostpci)\d+", value):
        raise BadFormat(f"invalid boot device '{value}'\n")


def _volume_id(value: str) -> None:
    if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]:.+", value):
        raise BadFormat(f"unable to parse volume ID '{value}'\n")


def _qm_path(value: str) -> None:
    if value in ("none", "cdrom") or value.startswith("/"):
        return
    _volume_id(value)


CHECKS: Mapping[str, Check] = {
    "pve-vmid": _matching(r"[1-9][0-9]{2,8}", "value does not look like a valid VM ID"),
    "pve-node": _matching(
        r"[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?", "value does not look like a valid node name"
    ),
    "dns-name": _matching(_DNS, "value does not look like a valid DNS name"),
    "pve-storage-id": _matching(
        r"[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]", "storage ID '%s' contains illegal characters"
    ),
    "pve-configid": _matching(r"(?i)[a-z][a-z0-9_-]+", "invalid configuration ID '%s'"),
    "pve-bridge-id": _matching(r"[-_.\w\d]+", "invalid bridge ID '%s'"),
    "mac-addr": _matching(
        r"(?i)[a-f0-9][02468ace](:[a-f0-9]{2}){5}", "value does not look like a valid unicast MAC address"
    ),
    "ipv4": _ip(4),
    "ipv6": _ip(6),
    "CIDR": _any_cidr,
    "CIDRv4": _cidr(4),
    "CIDRv6": _cidr(6),
    "pve-ipv4-config": _ip_config(4, ("dhcp", "manual")),
    "pve-ipv6-config": _ip_config(6, ("auto", "dhcp", "manual")),
    "address": _address,
    "disk-size": _disk_size,
    "urlencoded": _urlencoded,
    "pve-tag": _matching(r"(?i)[a-z0-9_][a-z0-9_\-+.]*", "invalid characters in tag"),
    "pve-startup-order": _startup,
    "pve-hotplug-features": _hotplug,
    "pve-qm-bootdev": _boot_device,
    "pve-volume-id": _volume_id,
    "pve-volume-id-or-qm-path": _qm_path,
    "pve-task-status-type": _matching(r"(?i)(ok|error|warning|unknown)", "invalid status '%s'"),
    "pve-qm-bootdisk": _matching(r"(ide|sata|scsi|virtio)\d+", "invalid boot disk '%s'"),
}
"""By name. What is missing here is not checked: things that no client of ours sends."""

NESTED: Mapping[str, Mapping[str, Any]] = {
    "pve-qm-ipconfig": {
        "ip": {"type": "string", "format": "pve-ipv4-config", "optional": 1},
        "gw": {"type": "string", "format": "ipv4", "optional": 1, "requires": "ip"},
        "ip6": {"type": "string", "format": "pve-ipv6-config", "optional": 1},
        "gw6": {"type": "string", "format": "ipv6", "optional": 1, "requires": "ip6"},
    },
    "pve-qm-boot": {
        "legacy": {"type": "string", "default_key": 1, "pattern": "[acdn]{1,4}", "optional": 1},
        "order": {"type": "string", "format": "pve-qm-bootdev-list", "optional": 1},
    },
}
"""Property strings that the description only names."""


def check_named(name: str, value: str) -> None:
    base, _, kind = name.rpartition("-")
    if kind == "list" and base in CHECKS:
        for part in split_list(value):
            CHECKS[base](part)
    elif name in CHECKS:
        CHECKS[name](value)


def unescape(value: str) -> str:
    return unquote(value)
