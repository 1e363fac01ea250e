"""A YAML file to a model: the one door to the rest of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pgdeploy.errors import SpecError
from pgdeploy.spec import extends
from pgdeploy.spec.digest import digest
from pgdeploy.spec.model import Model
from pgdeploy.spec.node import Node, data, key_place, value_place
from pgdeploy.spec.place import Fault, Keys, Place
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.source import FaultError
from pgdeploy.spec.translate import Translated
from pgdeploy.spec.validate import validate

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M]):
    """A spec that is in order.

    `name` is the name of the target, `files` are the file and all that it extends, all below `root`;
    `digest` stands for what they say together.
    """

    name: str
    value: M
    files: tuple[Path, ...]
    root: Path
    digest: str
    _root: Node = field(repr=False)

    def place(self, keys: Keys) -> Place:
        """Where the path is written; of what is not written, the nearest thing around it that is."""
        return key_place(self._root, keys)


def nothing(value: object) -> Iterable[Problem]:
    """The examiner that finds no problem."""
    return ()


def load(
    file: Path,
    model: type[M],
    examine: Callable[[M], Iterable[Problem]] = nothing,
    root: Path | None = None,
) -> Loaded[M]:
    """Load a file and all that it extends, which is below `root` (default: the file's own folder).

    `examine` says what only the whole model shows.

    Raises:
        SpecError: anything at all is wrong with the file; says everything that is, in order of place.
    """
    root = file.parent if root is None else root
    try:
        tree = extends.read_tree(file, root)
    except FaultError as error:
        raise SpecError([str(error.fault)]) from None
    plain = data(tree.root)
    result = validate(plain, model, examine, also_allowed=[extends.KEY])
    faults = [*tree.faults, *(_place(problem, tree.root) for problem in result.problems)]
    if faults or result.value is None:
        raise SpecError([str(fault) for fault in sorted(set(faults))])
    return Loaded(file.stem, result.value, tree.files, root, digest(plain), tree.root)


def _place(found: Translated, root: Node) -> Fault:
    where = key_place if found.about_key else value_place
    return Fault(where(root, found.problem.keys), str(found.problem))
