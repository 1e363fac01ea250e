"""Quantities for people."""

from __future__ import annotations


def shown(value: float, unit: str) -> str:
    """A quantity for people: three digits that count."""
    if unit in ("B", "B/s"):
        for word, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
            if value >= factor:
                return f"{value / factor:.3g}{word}{unit[1:]}"
        return f"{value:.0f}{unit}"
    if unit == "s":
        for word, factor in (("d", 86400), ("h", 3600), ("min", 60)):
            if value >= 2 * factor:
                return f"{value / factor:.3g}{word}"
        return f"{value:.3g}s"
    return f"{value:.3g}%" if unit == "%" else f"{value:.0f}"
