"""How a file changes the one that it extends.

Mappings merge key by key, anything else replaces what it meets, and null takes an inherited key away.
A null that meets nothing stays: it is a value of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgdeploy.spec.node import Entry, Node, mapping


def merge(base: Node, top: Node) -> Node:
    """The base as `top` changes it. Each part keeps the place where it was written."""
    if not isinstance(base.content, Mapping) or not isinstance(top.content, Mapping):
        return top
    entries: dict[str, Entry] = dict(base.content)
    for key, entry in top.content.items():
        inherited = entries.get(key)
        if inherited is None:
            entries[key] = entry
        elif entry.node.content is None:
            del entries[key]
        else:
            entries[key] = Entry(entry.place, merge(inherited.node, entry.node))
    return mapping(entries, top.place)
