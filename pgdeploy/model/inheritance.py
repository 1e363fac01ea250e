"""What a database has of the template that it is copied from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from pgdeploy.model.database import DatabaseSpec
from pgdeploy.model.default_privilege import DefaultPrivilegeSpec
from pgdeploy.model.grant import GrantSpec

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


TEMPLATES = ("template0", "template1")
"""Databases that are always there to copy from."""


class _Line(Protocol):
    """A line of grants or default privileges, in one database."""

    @property
    def address(self) -> str: ...
    @property
    def spec(self) -> GrantSpec | DefaultPrivilegeSpec: ...


_AnyLine = TypeVar("_AnyLine", bound=_Line)


def said_once(lines: Iterable[_AnyLine]) -> tuple[_AnyLine, ...]:
    """A copy may say again what its template says: that is one line, the nearest, or the one that says grant option."""
    known: dict[tuple[str, bool], _AnyLine] = {}
    for line in lines:
        key = line.address, line.spec.to is not None
        if key not in known or (line.spec.grant_option and not known[key].spec.grant_option):
            known[key] = line
    return tuple(known.values())


def inherited(spec: Spec, database: str) -> Iterator[tuple[str, DatabaseSpec]]:
    """The database itself, then the declared templates that its contents come from, nearest first."""
    seen: set[str] = set()
    current: str | None = database
    while current is not None and current in spec.databases and current not in seen:
        seen.add(current)
        yield current, spec.databases[current]
        current = spec.databases[current].from_template


def template_depth(spec: Spec, database: str) -> int:
    """How many declared templates stand behind a database: they must be whole before it is copied."""
    return sum(1 for _ in inherited(spec, database)) - 1
