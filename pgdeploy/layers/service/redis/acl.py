"""Rights of Redis's users in one spelling: as the spec writes them, and as ACL LIST says them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

EVERYTHING = "~* &* +@all"


class Rights(NamedTuple):
    """Keys and channels are sets; commands are in order, as the later word decides. Selectors are taken as they are."""

    keys: frozenset[str]
    channels: frozenset[str]
    commands: tuple[str, ...]
    selectors: tuple[str, ...]

    def __str__(self) -> str:
        channels = [f"&{one}" for one in sorted(self.channels)]
        words = [*sorted(self.keys), *channels, *self.commands, *self.selectors]
        return " ".join(words)


def rights(text: str) -> Rights:
    """What rules come to; words about the password and the login are left out."""
    words = _words(text)
    selectors = tuple(word for word in words if word.startswith("("))
    return Rights(_keys(words), _channels(words), _commands(words), selectors)


def _keys(words: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for word in words:
        if word == "resetkeys":
            found.clear()
        elif word in ("allkeys", "%RW~*"):
            found.add("~*")
        elif word[0] in "~%":
            found.add(word)
    # who may use all keys may use those, too
    return frozenset({"~*"} if "~*" in found else found)


def _channels(words: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for word in words:
        if word == "resetchannels":
            found.clear()
        elif word == "allchannels":
            found.add("*")
        elif word[0] == "&":
            found.add(word[1:])
    return frozenset({"*"} if "*" in found else found)


_ALL = {"allcommands": "+@all", "nocommands": "-@all"}


def _commands(words: Iterable[str]) -> tuple[str, ...]:
    """The last word about a command decides."""
    found = ["-@all"]
    for word in words:
        plain = _ALL.get(word, word.lower())
        if plain in _ALL.values():
            found = [plain]
        elif plain[0] in "+-":
            found = [one for one in found if one[1:] != plain[1:]] + [plain]
    return tuple(found)


def _words(text: str) -> list[str]:
    """Words; what stands in parentheses is one."""
    found: list[str] = []
    for word in text.split():
        if found and found[-1].startswith("(") and not found[-1].endswith(")"):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
