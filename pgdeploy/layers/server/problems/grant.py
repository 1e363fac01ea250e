"""Lines of `grants:`: known roles and words, no line twice, none against another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server import contradiction
from pgdeploy.layers.server.grant_line import Line, lines_of
from pgdeploy.layers.server.problems.reference import (
    privilege_problems,
    role_problems,
    schema_problems,
    schemas_of,
)
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of `grants:`, each at its place."""
    server = [Line(None, line, ("grants", index)) for index, line in enumerate(spec.grants)]
    yield from _grant_lines(spec, server)
    for database in spec.databases:
        lines = list(lines_of(spec, database))
        own = [line for line in lines if line.keys[1] == database]
        yield from _grant_lines(spec, own)
        known = schemas_of(spec, database)
        for line in own:
            yield from schema_problems(known, database, line.spec.on.schema_, (*line.keys, "on"))
        yield from contradiction.of_grants(lines, spec.postgres)


def _grant_lines(spec: Spec, lines: Iterable[Line]) -> Iterator[Problem]:
    seen: dict[str, Line] = {}
    for line in lines:
        verb = "grant" if line.spec.to is not None else "revoke"
        yield from privilege_problems(line.spec.words, line.kind, spec.postgres, (*line.keys, verb))
        for index, role in enumerate(line.spec.roles):
            side = "to" if line.spec.to is not None else "from"
            yield from role_problems(spec, role, (*line.keys, side, index), public=True)
            if role == "PUBLIC" and line.spec.grant_option:
                yield Problem((*line.keys, "grant_option"), "PostgreSQL gives PUBLIC no grant option")
        if line.address in seen:
            yield Problem(line.keys, "duplicate line; remove one")
        seen[line.address] = line
