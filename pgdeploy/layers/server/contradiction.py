"""Lines that contradict each other: what one grants, another revokes. Each line is looked at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from pgdeploy.model.routine import KINDS, types
from pgdeploy.postgres.values import ValueProblem
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.layers.server.grant_line import Line
    from pgdeploy.model.default_privilege import DefaultPrivilegeSpec
    from pgdeploy.spec.place import Keys


def of_grants(lines: Sequence[Line], major: int) -> Iterator[Problem]:
    """Privileges that one line of a database grants and another revokes, by revoking line and role."""
    granted = _granted(lines, major)
    for line in lines:
        words = _words(line, major)
        for role in sorted(set(line.spec.roles)) if line.spec.to is None else ():
            both = words & set().union(*(granted.get((role, at), ()) for at in _asked(line.spec.on)))
            if both:
                words_of_both = ", ".join(sorted(both))
                message = (
                    f"{words_of_both} is revoked from {quoted_name(role)} here and granted by another line"
                )
                yield Problem(line.keys, message)


def _granted(lines: Iterable[Line], major: int) -> dict[Hashable, set[str]]:
    """Privileges by role and scope."""
    granted: dict[Hashable, set[str]] = {}
    for line in lines:
        if line.spec.to is not None:
            words = _words(line, major)
            for key in product(line.spec.roles, _covered(line.spec.on)):
                granted.setdefault(key, set()).update(words)
    return granted


def _words(line: Line, major: int) -> frozenset[str]:
    try:
        return line.privileges(major)
    except ValueProblem:
        return frozenset()


def _covered(on: Any) -> Iterator[Hashable]:
    """Under which scopes a granted object is entered: its own, and those that are wider."""
    place = (on.kind, on.schema_)
    yield (*place, "anything")
    if on.all:
        yield (*place, "all")
    else:
        for part in _parts(on):
            yield (*place, on.name, part)
        yield (*place, on.name, "whatever part")


def _asked(on: Any) -> Iterator[Hashable]:
    """The scopes at which what overlaps with an object is entered."""
    place = (on.kind, on.schema_)
    if on.all:
        yield (*place, "anything")
        return
    yield (*place, "all")
    parts = list(_parts(on))
    if parts == [None]:
        yield (*place, on.name, "whatever part")
    else:
        yield from ((*place, on.name, part) for part in (*parts, None))


def _parts(on: Any) -> Iterator[Hashable]:
    """What tells two objects of one name apart: columns, or the arguments of a routine; None is all of them."""
    if on.kind == "column":
        yield from on.columns
    elif on.kind in KINDS and on.arguments is not None:
        yield ("arguments", types(on.arguments))
    else:
        yield None


def of_defaults(
    lines: Iterable[tuple[Keys, DefaultPrivilegeSpec]],
) -> Iterator[Problem]:
    """Default privileges that one line gives everywhere, and another takes away."""
    lines = list(lines)
    given = {
        (line.kind, creator, role)
        for _, line in lines
        if line.to is not None and line.in_schema is None
        for creator in line.for_
        for role in line.to
    }
    for keys, line in lines:
        taken = ((line.kind, creator, role) for creator in line.for_ for role in line.from_ or ())
        if any(one in given for one in taken):
            yield Problem(keys, "what this line takes away, another line gives")
