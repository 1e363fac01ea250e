"""How many, in words: `1 change`, `2 changes`."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and its noun; `noun` ends so that an s makes it plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
