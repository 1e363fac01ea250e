"""A file and all that it extends, merged to one tree.

`extends: base` names a file beside this one (`.yaml` may be left out), or a list of them. Later ones
change earlier ones, the file itself changes them all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgdeploy.spec.compose import MAX_DEPTH, compose
from pgdeploy.spec.merge import merge
from pgdeploy.spec.node import Node, mapping
from pgdeploy.spec.place import Fault, Place
from pgdeploy.spec.source import FaultError, is_file, read_text
from pgdeploy.spec.suggest import advise

KEY = "extends"


@dataclass(frozen=True, slots=True)
class Tree:
    """The merged root, every file that it came from (the one asked for first), and faults met."""

    root: Node
    files: tuple[Path, ...]
    faults: tuple[Fault, ...]


def read_tree(file: Path) -> Tree:
    """The tree of a file. Raises FaultError where it cannot be read at all."""
    reader = _Reader()
    root = reader.read(file, ())
    return Tree(root, tuple(reader.files), tuple(reader.faults))


class _Reader:
    def __init__(self) -> None:
        self.files: list[Path] = []
        self.faults: list[Fault] = []
        # A base that several files share is read once, or a small ladder of files takes forever.
        self.roots: dict[str, Node] = {}

    def read(self, file: Path, chain: tuple[Path, ...]) -> Node:
        identity = os.path.realpath(file)
        if identity not in self.roots:
            self.roots[identity] = self._read(file, chain)
        return self.roots[identity]

    def _read(self, file: Path, chain: tuple[Path, ...]) -> Node:
        document = compose(read_text(file), str(file))
        self.files.append(file)
        self.faults.extend(document.faults)
        own, bases = _without_extends(document.root)
        merged: Node | None = None
        for name in bases:
            base = self._base(name, file, (*chain, file))
            merged = base if merged is None else merge(merged, base)
        return own if merged is None else merge(merged, own)

    def _base(self, name: Node, file: Path, chain: tuple[Path, ...]) -> Node:
        base = _find(name, file)
        identity = os.path.realpath(base)
        if any(os.path.realpath(link) == identity for link in chain):
            names = " -> ".join(link.name for link in (*chain, base))
            raise FaultError(Fault(name.place, f"extends: files extend each other: {names}"))
        if len(chain) >= MAX_DEPTH:
            raise FaultError(Fault(name.place, f"extends: more than {MAX_DEPTH} files in a chain"))
        return self.read(base, chain)


def _without_extends(root: Node) -> tuple[Node, tuple[Node, ...]]:
    """The root without `extends`, and the names that it gave."""
    if not isinstance(root.content, Mapping) or KEY not in root.content:
        return root, ()
    entries = dict(root.content)
    names = _names(entries.pop(KEY).node)
    return mapping(entries, root.place), names


def _names(node: Node) -> tuple[Node, ...]:
    names = node.content if isinstance(node.content, tuple) else (node,)
    for name in names:
        if not isinstance(name.content, str) or not name.content:
            message = "extends: takes a file name or a list of file names"
            raise FaultError(Fault(name.place, message))
    return names


def _find(name: Node, file: Path) -> Path:
    """The file that `extends` names. Raises FaultError with near misses."""
    path = file.parent / str(name.content)
    for candidate in (path, path.with_name(f"{path.name}.yaml")) if path.name else ():
        if is_file(candidate):
            return candidate
    raise FaultError(Fault(name.place, _missing(path, name.place)))


def _missing(path: Path, place: Place) -> str:
    try:
        siblings = sorted(item.name for item in path.parent.glob("*.yaml"))
    except (OSError, ValueError):
        siblings = []
    # The file itself is no advice: it would extend itself.
    others = [name for name in siblings if name != Path(place.file).name]
    name = path.name if path.suffix == ".yaml" else f"{path.name}.yaml"
    return f"extends: there is no file {name} in {path.parent}{advise(name, others)}"
