"""What is wrong with `seeds:` and only the whole spec shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.spec.extends import is_inside
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.suggest import advise
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.seed import SeedSpec
    from pgdeploy.model.spec import Spec


def problems(spec: Spec, sections: Mapping[str, SeedSpec]) -> Iterator[Problem]:
    """Databases and roles that are not declared, and a table that stands twice."""
    for name, section in sections.items():
        keys = ("seeds", name)
        if name not in spec.databases:
            yield Problem(keys, f"database {quoted_name(name)} is not declared{advise(name, spec.databases)}")
        if section.role is not None:
            declared = spec.roles.get(section.role)
            if declared is None:
                message = (
                    f"role {quoted_name(section.role)} is not declared{advise(section.role, spec.roles)}"
                )
                yield Problem((*keys, "role"), message)
            elif declared.superuser:
                message = (
                    f"role {quoted_name(section.role)} is a superuser; name the role that owns the tables"
                )
                yield Problem((*keys, "role"), message)
        seen: set[tuple[str, str]] = set()
        for number, seed in enumerate(section.rows):
            table = (seed.schema_, seed.table)
            if table in seen:
                yield Problem((*keys, "rows", number), "this table stands twice; put its rows into one file")
            seen.add(table)


def beyond(sections: Mapping[str, SeedSpec], root: Path) -> Iterator[Problem]:
    """Functions, which run on this machine, queries, which call what they like, and files not below this folder."""
    for name, section in sections.items():
        for number, seed in enumerate(section.rows):
            keys = ("seeds", name, "rows", number)
            if seed.function is not None:
                yield Problem((*keys, "function"), "runs a function of Python on this machine")
            elif seed.query is not None:
                yield Problem((*keys, "query"), "asks the server what a file says")
            elif not is_inside(Path(seed.source).expanduser(), root):
                yield Problem((*keys, "csv"), f"reads a file that is not in {root}{os.sep}")
