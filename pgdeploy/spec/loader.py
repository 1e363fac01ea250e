"""A YAML file to a model: the one door to the rest of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pgdeploy.errors import SpecError
from pgdeploy.spec import append, extends, variables
from pgdeploy.spec.digest import digest
from pgdeploy.spec.local import located
from pgdeploy.spec.model import Model
from pgdeploy.spec.node import Node, data, key_place, value_place
from pgdeploy.spec.place import Fault, Keys, Place
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.source import FaultError
from pgdeploy.spec.translate import Translated
from pgdeploy.spec.validate import validate

if TYPE_CHECKING:
    from pgdeploy.spec.merge import Replaced
    from pgdeploy.spec.writing import Remark, Written

M = TypeVar("M", bound=Model)

OUR_KEYS = (extends.KEY, variables.KEY, append.KEY)
"""Keys of a file that are about files, and no part of any model."""

MOST_SHOWN = 200
"""So many problems are shown one by one: nobody mends more at a time."""
MOST_HINTS = 20
"""So many of them say what may have been meant: to look for that is to compare with every name of the spec."""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[M]):
    """A spec that is in order.

    `name` is the name of the target, `files` are the file and all that it extends, all below `root`.
    """

    name: str
    value: M
    files: tuple[Path, ...]
    root: Path
    _root: Node = field(repr=False)
    replaced: tuple[Replaced, ...] = ()
    """What the file has in the place of lists and sections that it extends."""

    @property
    def digest(self) -> str:
        """Stands for all that the files say together. Made when asked for: where something may be secret it is slow."""
        return digest(data(self._root))

    @property
    def data(self) -> dict[str, Any]:
        """All that the files say together, as plain data; every call makes new lists and dicts."""
        found = data(self._root)
        return found if isinstance(found, dict) else {}

    @property
    def with_origins(self) -> Mapping[str | Remark, Written]:
        """What the files say together, with where each line comes from, for `write`."""
        from pgdeploy.spec.origin import with_origins  # few commands need it

        return with_origins(self._root)

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
    result = validate(located(plain, tree.root, model), model, examine, also_allowed=OUR_KEYS)
    faults = dict.fromkeys(tree.faults) | {_place(one, tree.root): one.problem for one in result.problems}
    if faults or result.value is None:
        raise SpecError(list(_said(faults)), len(faults))
    return Loaded(file.stem, result.value, tree.files, root, tree.root, tree.replaced)


def _said(faults: Mapping[Fault, Problem | None]) -> Iterator[str]:
    """The first problems, in order of place, and how many there are more."""
    ordered = sorted(faults)
    for number, fault in enumerate(ordered[:MOST_SHOWN]):
        problem = faults[fault]
        hint = (
            problem.hint() if problem is not None and problem.hint is not None and number < MOST_HINTS else ""
        )
        yield str(Fault(fault.place, fault.message + hint))
    if more := ordered[MOST_SHOWN:]:
        yield str(
            Fault(more[0].place, f"and {len(more):,} more problems from here on; mend the first ones first")
        )


def _place(found: Translated, root: Node) -> Fault:
    where = key_place if found.about_key else value_place
    return Fault(where(root, found.problem.keys), str(found.problem))
