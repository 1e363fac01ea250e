"""A spec as merged, with where each of its lines comes from as a comment behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdeploy.spec.node import Node, data
from pgdeploy.spec.place import Place
from pgdeploy.spec.writing import Noted, Remark, Written

_SECTIONS = 2
"""So deep each key has a line of its own: the sections of a spec, and what stands in each of them."""


def with_origins(root: Node) -> Mapping[str | Remark, Written]:
    """The document, for `write`."""
    written = _written(root, root.place, 0)
    return written if isinstance(written, Mapping) else {}


def _written(node: Node, place: Place, depth: int) -> Written:
    content = node.content
    if isinstance(content, Mapping) and content and (depth < _SECTIONS or len(_files(node)) > 1):
        return {key: _written(entry.node, entry.place, depth + 1) for key, entry in content.items()}
    if isinstance(content, tuple) and any(isinstance(item.content, (Mapping, tuple)) for item in content):
        return [_written(item, item.place, _SECTIONS) for item in content]
    return Noted(_plain(node), f"{place.file}:{place.line}")


def _plain(node: Node) -> Written:
    return data(node)


def _files(node: Node) -> set[str]:
    return set(_files_of(node))


def _files_of(node: Node) -> Iterator[str]:
    yield node.place.file
    if isinstance(node.content, Mapping):
        for entry in node.content.values():
            yield entry.place.file
            yield from _files_of(entry.node)
    elif isinstance(node.content, tuple):
        for item in node.content:
            yield from _files_of(item)
