"""Data to a model, with every problem at once.

When some of the data is refused, what was refused is taken away and the rest validated again, so that
what only a whole model shows is found in the same run. Consequences of the taking away are not
reported; the rules stand at `_is_consequence` and `_is_shadowed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import reduce
from typing import Generic, TypeVar

from pydantic import ValidationError

from pgdeploy.spec.model import Model
from pgdeploy.spec.node import Data
from pgdeploy.spec.place import Keys
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.shape import is_named
from pgdeploy.spec.translate import Translated, child, translate

M = TypeVar("M", bound=Model)

# Each round takes something away, and validators of whole models rarely hide more than one another.
_ROUNDS = 20


@dataclass(slots=True)
class Validation(Generic[M]):
    """What came of it: the model (of what was left, if there are problems), and the problems."""

    value: M | None = None
    problems: list[Translated] = field(default_factory=list)


def validate(
    data: Data,
    model: type[M],
    examine: Callable[[M], Iterable[Problem]],
    also_allowed: Iterable[str] = (),
) -> Validation[M]:
    """Validate and examine. The paths of problems are those of `data`, whatever was taken away."""
    result: Validation[M] = Validation()
    pruned: set[Keys] = set()
    for _ in range(_ROUNDS):
        left = _prune(data, pruned) if pruned else data
        try:
            result.value = model.model_validate_json(json.dumps(left))
            break
        except ValidationError as error:
            found = [_restore(one, pruned) for one in translate(error, left, model, also_allowed)]
        result.problems += [one for one in found if not _is_consequence(one, pruned)]
        fresh = {one.prune for one in found}
        if () in fresh:
            break
        pruned |= fresh
    if result.value is not None:
        result.problems += _examine(result.value, model, examine, pruned)
    return result


def _examine(
    value: M, model: type[M], examine: Callable[[M], Iterable[Problem]], pruned: set[Keys]
) -> list[Translated]:
    problems = [Problem(_original(problem.keys, pruned), problem.message) for problem in examine(value)]
    return [
        Translated(problem, about_key=False, prune=problem.keys)
        for problem in problems
        if not _is_shadowed(problem, model, pruned)
    ]


def _is_consequence(found: Translated, pruned: set[Keys]) -> bool:
    """A later round's problem at, below or above something that an earlier round took away."""
    keys = found.problem.keys
    return any(_starts(keys, path) or _starts(path, keys) for path in pruned)


def _is_shadowed(problem: Problem, model: type[Model], pruned: set[Keys]) -> bool:
    """An examiner's problem at or below something taken away, or one that mentions a name taken away.

    A role that is taken away for an error of its own leaves grants to it; that the role is not declared
    would be untrue.
    """
    for path in pruned:
        if _starts(problem.keys, path):
            return True
        if is_named(model, path) and str(path[-1]) in problem.message:
            return True
    return False


def _starts(keys: Keys, path: Keys) -> bool:
    return keys[: len(path)] == path


def _prune(data: Data, paths: Iterable[Keys]) -> Data:
    """A copy without what stands at the paths."""
    copy = deepcopy(data)
    # From the last to the first: what is deleted must not shift the items that are still to go.
    for path in sorted(paths, reverse=True):
        _delete(copy, path)
    return copy


def _delete(data: Data, path: Keys) -> None:
    for key in path[:-1]:
        data = child(data, key)
    last = path[-1]
    if isinstance(data, dict):
        del data[str(last)]
    elif isinstance(data, list) and isinstance(last, int):
        del data[last]


def _restore(found: Translated, pruned: set[Keys]) -> Translated:
    problem = Problem(_original(found.problem.keys, pruned), found.problem.message)
    return Translated(problem, found.about_key, _original(found.prune, pruned))


def _shift(index: int, gone: int) -> int:
    return index + 1 if gone <= index else index


def _original(keys: Keys, pruned: set[Keys]) -> Keys:
    """A path of the pruned data as a path of the whole: items that went before it count again."""
    original: Keys = ()
    for key in keys:
        if isinstance(key, int):
            gone = sorted(path[-1] for path in pruned if path[:-1] == original and isinstance(path[-1], int))
            original = (*original, reduce(_shift, gone, key))
        else:
            original = (*original, key)
    return original
