"""Data to a model, with every problem at once.

When some of the data is refused, what was refused is taken away and the rest validated again, so that
what only a whole model shows is found in the same run. Consequences of the taking away are not
reported; the rules stand at `_is_consequence` and `_is_shadowed`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pydantic import ValidationError

from pgdeploy.spec.mention import Names
from pgdeploy.spec.model import Model
from pgdeploy.spec.node import Data
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.prune import Pruned
from pgdeploy.spec.shape import is_named
from pgdeploy.spec.translate import Translated, translate

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
    pruned = Pruned()
    for _ in range(_ROUNDS):
        left = pruned.rest(data) if pruned.paths else data
        try:
            result.value = model.model_validate_json(json.dumps(left))
            break
        except ValidationError as error:
            found = [_restore(one, pruned) for one in translate(error, left, model, also_allowed)]
        result.problems += [one for one in found if not _is_consequence(one, pruned)]
        fresh = {one.prune for one in found}
        if () in fresh or fresh <= pruned.paths:
            break
        pruned.add(fresh)
    if result.value is not None:
        result.problems += _examine(result.value, model, examine, pruned)
    return result


def _restore(found: Translated, pruned: Pruned) -> Translated:
    problem = Problem(pruned.original(found.problem.keys), found.problem.message)
    return Translated(problem, found.about_key, pruned.original(found.prune))


def _is_consequence(found: Translated, pruned: Pruned) -> bool:
    """A later round's problem at, below or above something that an earlier round took away.

    Of a missing key `prune` is what should hold it; with a part gone, a union may want another member's.
    """
    return pruned.touches(found.prune)


def _examine(
    value: M, model: type[M], examine: Callable[[M], Iterable[Problem]], pruned: Pruned
) -> list[Translated]:
    names = Names(str(path[-1]) for path in pruned.paths if is_named(model, path))
    problems = [replace(one, keys=pruned.original(one.keys)) for one in examine(value)]
    return [
        Translated(problem, about_key=problem.about_key, prune=problem.keys)
        for problem in problems
        if not _is_shadowed(problem, names, pruned)
    ]


def _is_shadowed(problem: Problem, names: Names, pruned: Pruned) -> bool:
    """An examiner's problem at or below something taken away, or one that mentions a name taken away.

    A role that is taken away for an error of its own leaves grants to it; that the role is not declared
    would be untrue.
    """
    return pruned.covers(problem.keys) or names.mentioned(problem.message)
