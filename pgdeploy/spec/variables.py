"""`vars:` and `{{ name }}`: what differs between files that share a base, said once.

A value that is a variable and nothing else takes its type; in longer text and in keys it stands as text. There is no
logic. The variables of all files are known before any is filled in; a file's own count more than those of its bases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pgdeploy.spec.node import Entry, Node, mapping, sequence
from pgdeploy.spec.place import Fault, Place
from pgdeploy.spec.suggest import advise

KEY = "vars"
MARK = "{{"
"""Without it a text uses no variable."""

_USE = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Variables:
    """Variables by name, and what was wrong where they are said or used."""

    known: Mapping[str, Node] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, root: Node) -> Variables:
        """Those that a merged document says."""
        found = root.content.get(KEY) if isinstance(root.content, Mapping) else None
        if found is None or found.node.content is None:
            return cls()
        said = found.node.content
        if not isinstance(said, Mapping):
            return cls(
                {}, [Fault(found.node.place, f"{KEY}: must be names with their values, such as {{env: dev}}")]
            )
        faults = [
            Fault(entry.place, f"{KEY}.{name}: {fault}")
            for name, entry in said.items()
            if (fault := _fault_of(name, entry.node))
        ]
        return cls({name: entry.node for name, entry in said.items()}, faults)

    def filled(self, node: Node) -> Node:
        """The node with the variables filled in, each part at its own place; the same where it uses none."""
        content = node.content
        if isinstance(content, str):
            return self._text(content, node) if MARK in content else node
        if isinstance(content, tuple):
            items = tuple(map(self.filled, content))
            return node if _same(items, content) else sequence(items, node.place)
        if isinstance(content, Mapping):
            entries: dict[str, Entry] = {}
            for key, entry in content.items():
                self._enter(entries, self._key(key, entry.place), Entry(entry.place, self.filled(entry.node)))
            return mapping(entries, node.place)
        return node

    def _enter(self, entries: dict[str, Entry], key: str, entry: Entry) -> None:
        if key in entries:
            self.faults.append(
                Fault(entry.place, f"duplicate key {key} after its variables are filled in; remove one")
            )
        entries[key] = entry

    def _text(self, text: str, node: Node) -> Node:
        whole = _USE.fullmatch(text)
        if whole is None:
            return Node(self._in_text(text, node.place), node.place)
        known = self._value(whole[1], node.place)
        return node if known is None else Node(known.content, node.place, known.size, known.height)

    def _key(self, key: str, place: Place) -> str:
        return self._in_text(key, place) if MARK in key else key

    def _in_text(self, text: str, place: Place) -> str:
        return _USE.sub(lambda use: self._spelled(use, place), text)

    def _spelled(self, use: re.Match[str], place: Place) -> str:
        known = self._value(use[1], place)
        if known is None:
            return use[0]
        if isinstance(known.content, (tuple, Mapping)) or known.content is None:
            self.faults.append(
                Fault(place, f"{use[0]} is a list and cannot be part of a text; use it as the whole value")
            )
            return use[0]
        return str(known.content).lower() if isinstance(known.content, bool) else str(known.content)

    def _value(self, name: str, place: Place) -> Node | None:
        if name not in self.known:
            near = advise(name, self.known) if self.known else f"; define it in `{KEY}:`"
            self.faults.append(Fault(place, f"variable {name} does not exist{near}"))
        return self.known.get(name)


def _same(items: tuple[Node, ...], others: tuple[Node, ...]) -> bool:
    return all(item is other for item, other in zip(items, others, strict=True))


def _fault_of(name: str, node: Node) -> str:
    if not _NAME.fullmatch(name):
        return "allowed: a name of letters, digits and _, which does not begin with a digit"
    items = node.content if isinstance(node.content, tuple) else (node,)
    if any(isinstance(item.content, (tuple, Mapping)) or item.content is None for item in items):
        return "allowed: a text, a number, a boolean, or a list of them"
    if any(isinstance(item.content, str) and _USE.search(item.content) for item in items):
        return "the value of a variable cannot use other variables"
    return ""


def without(root: Node) -> Node:
    """A document without its variables."""
    if not isinstance(root.content, Mapping) or KEY not in root.content:
        return root
    return mapping({key: entry for key, entry in root.content.items() if key != KEY}, root.place)
