"""Sizes as Proxmox reads and writes them, in bytes."""

from __future__ import annotations

import re

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:([KMGT])(?:iB)?)?", text)
    return int(float(match[1]) * _UNITS[match[2] or ""]) if match else None


def format_size(size: int) -> str:
    """The largest unit that divides it: 3584M, 32G."""
    for unit in ("T", "G", "M", "K"):
        if size >= _UNITS[unit] and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)
