"""How a file changes the one that it extends.

Mappings merge key by key, anything else replaces what it meets, and null takes an inherited key away. A reference to
a secret is one value, however it is written: `{env: NAME}` in one file, `{command: [...]}` in the next.
A null that meets nothing stays: it is a value of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgdeploy.spec.node import Entry, Node, mapping
from pgdeploy.spec.place import Keys, Place


@dataclass(frozen=True, slots=True)
class Replaced:
    """A list or a section of a base in whose place something else stands, or nothing."""

    keys: Keys
    place: Place
    """Where it is written."""
    node: Node

    @property
    def lines(self) -> int:
        """On so many lines something of it is written."""
        return len(set(_lines(self.node)))


def merge(base: Node, top: Node, replaced: list[Replaced], keys: Keys = ()) -> Node:
    """The base as `top` changes it, each part with the place where it stands; what is not merged goes to `replaced`."""
    if not isinstance(base.content, Mapping) or not isinstance(top.content, Mapping):
        return top
    if _is_reference(base.content) and _is_reference(top.content):
        return top
    entries: dict[str, Entry] = dict(base.content)
    for key, entry in top.content.items():
        inherited, inside = entries.get(key), (*keys, key)
        if inherited is None:
            entries[key] = entry
            continue
        if not (isinstance(inherited.node.content, Mapping) and isinstance(entry.node.content, Mapping)):
            _note(inherited, inside, replaced)
        if entry.node.content is None:
            del entries[key]
        else:
            entries[key] = Entry(entry.place, merge(inherited.node, entry.node, replaced, inside))
    return mapping(entries, top.place)


def _is_reference(content: Mapping[str, Entry]) -> bool:
    known = {key for key, entry in content.items() if entry.node.content is not None}
    return len(content) == 1 and bool(known & _OF_REFERENCES)


_OF_REFERENCES = {"env", "file", "command"}


def _note(base: Entry, keys: Keys, replaced: list[Replaced]) -> None:
    if isinstance(base.node.content, (tuple, Mapping)) and base.node.content:
        replaced.append(Replaced(keys, base.place, base.node))


def _lines(node: Node) -> Iterator[tuple[str, int]]:
    """Those on which something of it is written."""
    if isinstance(node.content, Mapping):
        for entry in node.content.values():
            yield entry.place.file, entry.place.line
            yield from _lines(entry.node)
    elif isinstance(node.content, tuple):
        for item in node.content:
            yield from _lines(item)
    else:
        yield node.place.file, node.place.line
