"""The document as a tree that knows where each of its parts was written.

Nodes are immutable, so an alias is the same node again and a merged file shares the nodes of its base.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pgdeploy.spec.place import Keys, Place

Scalar: TypeAlias = str | int | float | bool | None
Data: TypeAlias = "Scalar | list[Data] | dict[str, Data]"
Content: TypeAlias = "Scalar | tuple[Node, ...] | Mapping[str, Entry]"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the place where it starts.

    `size` counts the values in it with aliases written out, `height` is how deep it nests: both bound
    the work that a small file can ask for.
    """

    content: Content
    place: Place
    size: int = field(default=1, compare=False, repr=False)
    height: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of a key, and its value."""

    place: Place
    node: Node


def sequence(items: tuple[Node, ...], place: Place) -> Node:
    """A list node with its measures."""
    size = 1 + sum(item.size for item in items)
    return Node(items, place, size, 1 + max((item.height for item in items), default=0))


def mapping(entries: Mapping[str, Entry], place: Place) -> Node:
    """A mapping node with its measures."""
    nodes = [entry.node for entry in entries.values()]
    size = 1 + sum(node.size for node in nodes)
    return Node(entries, place, size, 1 + max((node.height for node in nodes), default=0))


def data(node: Node) -> Data:
    """The plain data of a node; every call makes new lists and dicts."""
    content = node.content
    if isinstance(content, tuple):
        return [data(item) for item in content]
    if isinstance(content, Mapping):
        return {key: data(entry.node) for key, entry in content.items()}
    return content


def key_place(root: Node, keys: Keys) -> Place:
    """The place of the last key that exists on the path (of the item, in a list)."""
    node, place = root, root.place
    for key in keys:
        entry = _child(node, key)
        if entry is None:
            break
        node, place = entry.node, entry.place
    return place


def value_place(root: Node, keys: Keys) -> Place:
    """The place of a scalar; for anything else, and for a path that ends early, the place of the key."""
    node = root
    for key in keys:
        entry = _child(node, key)
        if entry is None:
            return key_place(root, keys)
        node = entry.node
    if isinstance(node.content, (tuple, Mapping)):
        return key_place(root, keys)
    return node.place


def _child(node: Node, key: str | int) -> Entry | None:
    content = node.content
    if isinstance(content, Mapping):
        return content.get(key) if isinstance(key, str) else None
    if isinstance(content, tuple) and isinstance(key, int) and 0 <= key < len(content):
        return Entry(content[key].place, content[key])
    return None
