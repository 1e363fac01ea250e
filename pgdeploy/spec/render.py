"""A model as a YAML file that loads back to an equal model: block style, only what was set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from pgdeploy.spec.node import Data, Scalar
from pgdeploy.spec.scalar import resolve

# What never needs quotes: starts with a letter or digit, and neither `: ` nor ` #` can come about.
_PLAIN = re.compile(r"[A-Za-z0-9_/](?:[A-Za-z0-9_./@%+:-]*[A-Za-z0-9_./@%+-])?(?: [A-Za-z0-9_./@%+-]+)*\Z")
# What YAML 1.1 readers (some editors, other tools) take for something else than text.
_NOT_TEXT_ELSEWHERE = re.compile(
    r"(?:y|n|yes|no|on|off)\Z|[-+]?[0-9][0-9_:.]*\Z|[0-9]{4}-[0-9]", re.IGNORECASE
)
# Words that only YAML 1.1 reads as true or false: as keys they are left to look like keys.
_WORD = re.compile(r"on|off|yes|no|y|n")
_ESCAPE = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

# YAML's limit for a key that does not say with `? ` that it is one; escapes count.
_LONGEST_KEY = 1000


def render(value: BaseModel, schema: str | None = None) -> str:
    """The text of a spec file. `schema` names the JSON Schema in the line that editors look for."""
    data = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    head = [f"# yaml-language-server: $schema={schema}"] if schema else []
    return "\n".join([*head, *_block(data, "")]) + "\n"


def _block(data: Any, indent: str) -> Iterator[str]:
    """The lines of a value that stands on lines of its own."""
    if isinstance(data, dict) and data:
        for key, item in data.items():
            yield from _entry(str(key), item, indent)
    elif isinstance(data, list) and data:
        for item in data:
            yield from _item(item, indent)
    else:
        yield indent + _flow(data)


def _entry(key: str, item: Data, indent: str) -> Iterator[str]:
    name = key if _WORD.fullmatch(key) else _text(key)
    if len(name) > _LONGEST_KEY:
        yield f"{indent}? {name}"
        name, key_line = "", f"{indent}:"
    else:
        key_line = f"{indent}{name}:"
    if isinstance(item, (dict, list)) and item:
        yield key_line
        yield from _block(item, indent + "  ")
    elif isinstance(item, str) and _is_literal(item):
        yield from _literal(key_line, item, indent + "  ")
    else:
        yield f"{key_line} {_flow(item)}"


def _item(item: Data, indent: str) -> Iterator[str]:
    if isinstance(item, str) and _is_literal(item):
        yield from _literal(f"{indent}-", item, indent + "  ")
        return
    lines = _block(item, indent + "  ")
    first = next(lines)
    yield f"{indent}- {first[len(indent) + 2 :]}"
    yield from lines


def _flow(data: Any) -> str:
    """A value on one line; of lists and mappings only the empty ones come here."""
    if isinstance(data, dict):
        return "{}"
    if isinstance(data, list):
        return "[]"
    return _text(data) if isinstance(data, str) else _scalar(data)


def scalar_text(value: Scalar) -> str:
    """A scalar that comes back as it is, in block and in flow style; in single quotes where they are enough."""
    if not isinstance(value, str):
        return _scalar(value)
    text = _text(value)
    if text == value or not value.isprintable():
        return text
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def _scalar(value: Scalar) -> str:
    if value is None:
        return "null"
    return repr(value).lower()


def _text(text: str) -> str:
    if _PLAIN.match(text) and not _NOT_TEXT_ELSEWHERE.match(text) and _stays_text(text):
        return text
    return '"' + "".join(_escape(char) for char in text) + '"'


def _stays_text(text: str) -> bool:
    try:
        return isinstance(resolve(text), str)
    except ValueError:
        return False


def _escape(char: str) -> str:
    if char in _ESCAPE:
        return _ESCAPE[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _is_literal(text: str) -> bool:
    """Whether the text reads well, and comes back unchanged, as a block of lines."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and bool(lines[-1])
        and not text.startswith((" ", "\n"))
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _literal(head: str, text: str, indent: str) -> Iterator[str]:
    yield f"{head} |" if text.endswith("\n") else f"{head} |-"
    for line in text.removesuffix("\n").split("\n"):
        yield indent + line if line else ""
