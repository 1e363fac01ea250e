"""The comments of a YAML file, by the entry or item that they belong to."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.spec.place import Keys

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

_SIGN = re.compile(r"(?:(?<=[ \t])|^)#[^\r\n]*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Comments:
    """Of one entry: the lines above it, and what stands behind it on its line."""

    above: tuple[str, ...] = ()
    behind: str = ""


class _Entry(NamedTuple):
    """Where an entry or an item begins; in order of place, and what is around another before that."""

    offset: int
    line: int
    keys: Keys


def comments(text: str) -> Mapping[Keys, Comments]:
    """Those of a file that can be read; what stands behind the last entry belongs to nothing and is left out."""
    from ruamel.yaml import YAML

    root = YAML(typ="rt", pure=True).compose(text)
    spans: list[tuple[int, int]] = []
    entries = sorted(_entries(root, (), spans, set())) if root is not None else []
    spans.sort()
    above, behind = defaultdict[Keys, list[str]](list), dict[Keys, str]()
    for place, said in _signs(text, spans):
        next_one = bisect_right(entries, (place, 0, ()))
        start = max(text.rfind(sign, 0, place) for sign in "\r\n") + 1
        before = text[start:place].strip()
        if before == "-" and next_one < len(entries):
            behind[entries[next_one].keys] = said  # its item stands below
        elif before:
            line = text.count("\n", 0, place)
            owner = next((one for one in entries if one.line == line), entries[next_one - 1])
            behind[owner.keys] = said
        elif next_one < len(entries):
            above[entries[next_one].keys].append(said)
    return {keys: Comments(tuple(above[keys]), behind.get(keys, "")) for keys in {*above, *behind}}


def _signs(text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Where comments begin, and what they say; a sign within a scalar is part of that."""
    place = 0
    while found := _SIGN.search(text, place):
        at = bisect_right(spans, (found.start(), len(text)))
        if at and spans[at - 1][1] > found.start():
            place = spans[at - 1][1]
        else:
            place = found.end()
            yield found.start(), found[0].removeprefix("#").strip()


def _entries(node: Node, keys: Keys, spans: list[tuple[int, int]], seen: set[int]) -> Iterator[_Entry]:
    """Those of a node and of all in it, but for aliases, which are elsewhere; and where its scalars are."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        for key, value in node.value:
            spans.append((key.start_mark.index, key.end_mark.index))
            inside = (*keys, str(key.value))
            yield _Entry(key.start_mark.index, key.start_mark.line, inside)
            yield from _entries(value, inside, spans, seen)
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.value):
            if id(item) not in seen:
                yield _Entry(item.start_mark.index, item.start_mark.line, (*keys, number))
            yield from _entries(item, (*keys, number), spans, seen)
    else:
        spans.append((node.start_mark.index, node.end_mark.index))
