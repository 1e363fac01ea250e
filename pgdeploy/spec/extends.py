"""A file and all that it extends, merged to one tree.

`extends: base` names a file beside this one (`.yaml` may be left out), or a list of them. Later ones
change earlier ones, the file itself changes them all. All of them are in one folder, the root: a spec may come
from somebody else, and must not choose which of the reader's files are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from pgdeploy.spec import append
from pgdeploy.spec.compose import MAX_DEPTH, Document, compose
from pgdeploy.spec.merge import Replaced, merge
from pgdeploy.spec.node import Node, mapping
from pgdeploy.spec.place import Fault, Place
from pgdeploy.spec.problem import show
from pgdeploy.spec.source import FaultError, is_file, read_text
from pgdeploy.spec.suggest import advise
from pgdeploy.spec.variables import MARK, Variables, without

KEY = "extends"


@dataclass(frozen=True, slots=True)
class Tree:
    """The merged root, every file that it came from (the one asked for first), faults met, and what was replaced."""

    root: Node
    files: tuple[Path, ...]
    faults: tuple[Fault, ...]
    replaced: tuple[Replaced, ...]


def is_inside(file: Path, root: Path) -> bool:
    """Whether the path, with all links followed, leads into the folder. Nothing need exist there."""
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root))


def read_tree(file: Path, root: Path) -> Tree:
    """The tree of a file; what it extends is below `root`. Raises FaultError where it cannot be read at all."""
    reader = _Reader(root)
    merged = reader.read(file, ())
    known = Variables.of(merged)
    if reader.uses_variables:
        # they are known now that all files were merged, and must be filled in before the files are merged
        reader = _Reader(root, known, reader.documents)
        merged = reader.read(file, ())
    faults = (*reader.faults, *known.faults)
    return Tree(without(merged), tuple(reader.files), tuple(dict.fromkeys(faults)), tuple(reader.replaced))


class _Reader:
    def __init__(
        self, root: Path, variables: Variables | None = None, documents: dict[Path, Document] | None = None
    ) -> None:
        self.root = root
        self.variables = variables
        self.documents: dict[Path, Document] = {} if documents is None else documents
        """The parsed files: with variables they are merged twice."""
        self.uses_variables = False
        self.files: list[Path] = []
        self.faults: list[Fault] = []
        self.replaced: list[Replaced] = []
        # A base that several files share is read once, or a small ladder of files takes forever.
        self.roots: dict[str, Node] = {}

    def read(self, file: Path, chain: tuple[Path, ...]) -> Node:
        identity = os.path.realpath(file)
        if identity not in self.roots:
            self.roots[identity] = self._read(file, chain)
        return self.roots[identity]

    def _read(self, file: Path, chain: tuple[Path, ...]) -> Node:
        document = self._document(file)
        self.files.append(file)
        self.faults.extend(document.faults)
        own, bases = _without_extends(document.root)
        own, more = append.apart(own if self.variables is None else self.variables.filled(own))
        merged: Node | None = None
        for name in bases:
            base = self._base(name, file, (*chain, file))
            merged = base if merged is None else merge(merged, base, self.replaced)
        merged = own if merged is None else merge(merged, own, self.replaced)
        return merged if more is None else append.appended(merged, more.node, self.faults)

    def _document(self, file: Path) -> Document:
        if file not in self.documents:
            text = read_text(file)
            self.uses_variables = self.uses_variables or MARK in text
            self.documents[file] = compose(text, str(file))
        return self.documents[file]

    def _base(self, name: Node, file: Path, chain: tuple[Path, ...]) -> Node:
        base = _find(name, file, self.root)
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


def _find(name: Node, file: Path, root: Path) -> Path:
    """The file that `extends` names. Raises FaultError with near misses."""
    written = str(name.content)
    path = file.parent / written
    candidates = (path, path.with_name(f"{path.name}.yaml")) if path.name else ()
    if fault := _leaves(written, (path, *candidates), root):
        raise FaultError(Fault(name.place, f"extends: {fault}"))
    for candidate in candidates:
        if is_file(candidate):
            return candidate
    raise FaultError(Fault(name.place, _missing(path, name.place)))


def _leaves(written: str, paths: Iterable[Path], root: Path) -> str | None:
    """Why the name is refused, decided before anything is looked for: not even whether a file exists is told."""
    if PurePath(written).is_absolute():
        return f"{show(written)} is an absolute path; write one that starts from this file, in {root}{os.sep}"
    if all(is_inside(path, root) for path in paths):
        return None
    return (
        f"{show(written)} leads out of {root}{os.sep}, and a spec extends only files in there; copy the file, "
        "or name a folder above both in PGDEPLOY_SPECS_ROOT"
    )


def _missing(path: Path, place: Place) -> str:
    try:
        siblings = sorted(item.name for item in path.parent.glob("*.yaml"))
    except (OSError, ValueError):
        siblings = []
    # The file itself is no advice: it would extend itself.
    others = [name for name in siblings if name != Path(place.file).name]
    name = path.name if path.suffix == ".yaml" else f"{path.name}.yaml"
    return f"extends: there is no file {name} in {path.parent}{advise(name, others)}"
