"""Writes a spec as a person would: what is short stands on one line, and a comment stands where it belongs.

What is written is plain data: mappings, lists and scalars. `Noted` puts a comment behind a value, a `Remark` in place
of one stands on a line of its own: there the spec has no word for what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pgdeploy.spec.render import scalar_text

WIDTH = 120
"""Characters that a line may have, where it can be broken."""

_MOST = 6
"""Entries of a mapping that may share a line."""


_SHORT = 50
"""Characters of a mapping that may stand in a list on the same line."""

_FEW = 3
"""Plain values of a whole section that may."""

_COMMENT = " # "


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on a line of its own: an item of a list, or a key of a mapping (whose value counts for nothing)."""

    text: str


class Word(str):
    """Text that stands without quotes: `on` and `off`, as PostgreSQL's own files have them."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Noted:
    """A value, and the comment behind it."""

    value: Written
    note: str


Written: TypeAlias = (
    "str | int | float | bool | Noted | Remark | Sequence[Written] | Mapping[Any, Written] | None"
)
"""What a spec is made of."""


def write(spec: Mapping[str | Remark, Written]) -> str:
    """The text of a file; a blank line stands before each large section."""
    lines: list[str] = []
    for key, value in spec.items():
        section = list(entry_lines(key, value, "", top=not _is_small(value)))
        if lines and len(section) > 1:
            lines.append("")
        lines += section
    return "\n".join(lines) + "\n"


def _is_small(value: Written) -> bool:
    """A section of a few plain values reads well on one line."""
    if not isinstance(value, Mapping):
        return False
    plain = all(isinstance(item, (str, int, float)) for item in value.values())
    return plain and len(value) <= _FEW and not any(isinstance(key, Remark) for key in value)


def plain(value: Written) -> Any:
    """The data without comments, as it is when the text is read again."""
    if isinstance(value, Noted):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if not isinstance(key, Remark)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value if not isinstance(item, Remark)]
    return str(value) if isinstance(value, Word) else value


def entry_lines(
    key: str | Remark, value: Written, indent: str, *, top: bool = False, word: str = ""
) -> Iterator[str]:
    """The lines of an entry of a mapping; `top`: its value stands below the key; `word`: the key as it is spelled."""
    if isinstance(key, Remark):
        yield f"{indent}{_comment(key.text)}"
        return
    value, note = _apart(value)
    yield from _after(f"{indent}{word or _key(key)}:", value, note, indent, block=top)


def item_lines(value: Written, indent: str) -> Iterator[str]:
    """The lines of an item of a list."""
    value, note = _apart(value)
    if isinstance(value, Remark):
        yield f"{indent}{_comment(value.text)}"
        return
    text = _flow(value)
    if text is not None and (len(indent) + len(text) + 2 <= WIDTH or not isinstance(value, Mapping)):
        yield f"{indent}- {text}{_behind(note)}"
        return
    first, *rest = _block(value, f"{indent}  ")
    if first.lstrip().startswith("#") or (note and _COMMENT in first):
        yield f"{indent}-{_behind(note)}"
        yield first
    else:
        yield f"{indent}- {first.lstrip()}{_behind(note)}"
    yield from rest


def _after(head: str, value: Written, note: str, indent: str, *, block: bool) -> Iterator[str]:
    """A value behind its key: on the same line, over several lines in brackets, or below."""
    block = (block and isinstance(value, (Mapping, list, tuple)) and bool(value)) or _is_long(value)
    text = None if block else _flow(value)
    if text is not None and len(head) + len(text) + 1 <= WIDTH:
        yield f"{head} {text}{_behind(note)}"
    elif text is not None and isinstance(value, (list, tuple)) and not _has_collections(value):
        yield from _broken(head, value, note, indent)
    elif text is not None and not isinstance(value, (Mapping, list, tuple)):
        yield f"{head} {text}{_behind(note)}"
    else:
        yield f"{head}{_behind(note)}"
        yield from _block(value, f"{indent}  ")


def _block(value: Written, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from entry_lines(key, item, indent)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from item_lines(item, indent)


def _broken(head: str, value: Sequence[Written], note: str, indent: str) -> Iterator[str]:
    """A long list of scalars, as many on each line as it holds."""
    line = f"{head} ["
    for at, item in enumerate(value):
        word = f"{_flow(item)}{',' if at < len(value) - 1 else ']'}"
        if len(line) + len(word) + 1 > WIDTH:
            yield line.rstrip()
            line = f"{indent}    "
        line += word + " "
    yield f"{line.rstrip()}{_behind(note)}"


def _flow(value: Written) -> str | None:
    """The value on one line; None where a comment, or its size, keeps it from standing on one."""
    if isinstance(value, (Noted, Remark)):
        return None
    if isinstance(value, Mapping):
        if len(value) > _MOST or any(isinstance(key, Remark) for key in value):
            return None
        parts = [(_key(str(key)), _flow(item)) for key, item in value.items()]
        if any(text is None for _, text in parts) or any(map(_is_long, value.values())):
            return None
        return "{" + ", ".join(f"{key}: {text}" for key, text in parts) + "}"
    if isinstance(value, (list, tuple)):
        items = [_flow(item) for item in value]
        known = [text for text in items if text is not None]
        return f"[{', '.join(known)}]" if len(known) == len(items) else None
    if isinstance(value, Word):
        return value
    return scalar_text(value) if value is None or isinstance(value, (str, int, float)) else None


def _is_long(value: Written) -> bool:
    """A list of mappings reads well with a line for each, unless it is one short mapping."""
    if not isinstance(value, (list, tuple)):
        return False
    lines = [item for item in value if isinstance(item, Mapping)]
    return bool(lines) and (len(value) > 1 or len(_flow(lines[0]) or "") > _SHORT)


def _has_collections(value: Sequence[Written]) -> bool:
    return any(isinstance(item, (Mapping, list, tuple)) for item in value)


def _apart(value: Written) -> tuple[Written, str]:
    return (value.value, value.note) if isinstance(value, Noted) else (value, "")


def _key(key: str) -> str:
    return key if key == "on" else scalar_text(key)


def _behind(note: str) -> str:
    return f"  {_comment(note)}" if note else ""


def _comment(text: str) -> str:
    """A comment holds on one line whatever a server put into a name."""
    return "# " + "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
