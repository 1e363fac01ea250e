"""What the server says of its configuration, without the secrets in it: it quotes what it cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pgdeploy.secret.masked import MASK
from pgdeploy.secret.place import holds_secret, scrub, shown_option, shown_setting

_SETTING = re.compile(r"(?m)^\s*(?P<name>[A-Za-z_][\w.]*)\s*=?\s*'(?P<value>(?:[^'\\\n]|''|\\.)*)'")
_OPTION = re.compile(r'(?P<name>[a-z][a-z0-9_]*)="(?P<value>(?:[^"\n]|"")*)"')
_BETWEEN = re.compile(r"[\s'\"=:;,/@?&()|<>\\]+")
_SHORTEST = 3
"""Shorter words are part of too many others to say anything."""


def without_secrets(said: str, files: Iterable[str]) -> str:
    """What the server said; `files` are texts of its configuration, of which it may quote values or their words."""
    secrets = [secret for text in files for secret in _secrets(text)]
    for value, shown in sorted(secrets, key=_longest_first):
        if len(value) >= _SHORTEST:
            said = said.replace(value, shown)
    said = scrub(said)
    for word in sorted({word for secret in secrets for word in _words(*secret)}, key=len, reverse=True):
        said = said.replace(word, MASK)
    return said


def _longest_first(secret: tuple[str, str]) -> int:
    return -len(secret[0])


def _words(value: str, shown: str) -> set[str]:
    """The words of a value that nobody may see."""
    words = {*value.split(), *_BETWEEN.split(value)} - set(_BETWEEN.split(shown)) - set(shown.split())
    return {word for word in words if len(word) >= _SHORTEST}


def _secrets(text: str) -> Iterator[tuple[str, str]]:
    """The values in a file that hold a secret, as they are and as they may be shown."""
    for found in _SETTING.finditer(text):
        if found["value"] and holds_secret(found["name"]):
            value = re.sub(r"''|\\(.)", lambda part: part[1] or "'", found["value"])
            yield value, shown_setting(found["name"], value)
    for found in _OPTION.finditer(text):
        value = found["value"].replace('""', '"')
        shown = shown_option(found["name"], value)
        if value and value != shown:
            yield value, shown
