"""Settings of a Redis that others run: from its command, and from the file that the command names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence

from pgdeploy.layers.service.redis.setting import check_setting
from pgdeploy.text.problem import ValueProblem

_PROGRAM = "redis-server"
_SECRET = re.compile("pass|auth|secret|^user$")


def settings_of(
    command: Sequence[str], read: Callable[[str], str], major: int
) -> tuple[dict[str, str], list[str]]:
    """Those that a spec may have, and the names of the others; `read` gives the text of a file of the container."""
    known: dict[str, str] = {}
    others: list[str] = []
    for name, value in _written(command, read):
        if _SECRET.search(name):
            others.append(name)
            continue
        try:
            check_setting(name, value, major)
        except ValueProblem:
            others.append(name)
        else:
            known[name] = value
    return known, list(dict.fromkeys(others))


def _written(command: Sequence[str], read: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """As Redis takes them: the file first, and what the command says beats it."""
    words = _flat(command)
    if _PROGRAM not in words:
        return
    words = words[words.index(_PROGRAM) + 1 :]
    if words and not words[0].startswith("-"):
        yield from _lines(read(words.pop(0)))
    while words:
        name, values = words.pop(0), []
        while words and not words[0].startswith("--"):
            values.append(words.pop(0))
        if name.startswith("--"):
            yield name[2:].lower(), " ".join(values)


def _flat(command: Sequence[str]) -> list[str]:
    """`sh -c 'exec redis-server ...'` is a text of its own."""
    found: list[str] = []
    for word in command:
        try:
            found += shlex.split(word) if _PROGRAM in word and word != _PROGRAM and " " in word else [word]
        except ValueError:
            found.append(word)
    return found


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name and not name.startswith("#"):
            yield name.lower(), value.strip().strip('"')
