"""Lines of `default_privileges:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server import contradiction
from pgdeploy.layers.server.problems.reference import (
    privilege_problems,
    role_problems,
    schema_problems,
    schemas_of,
)
from pgdeploy.model.inheritance import inherited
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of `default_privileges:`, each at its place."""
    for database, body in spec.databases.items():
        known = schemas_of(spec, database)
        for index, line in enumerate(body.default_privileges):
            keys: Keys = ("databases", database, "default_privileges", index)
            verb, side = ("grant", "to") if line.to is not None else ("revoke", "from")
            yield from privilege_problems(line.words, line.kind, spec.postgres, (*keys, verb))
            for creator in line.for_:
                yield from role_problems(spec, creator, (*keys, "for"))
            for position, role in enumerate(line.roles):
                yield from role_problems(spec, role, (*keys, side, position), public=True)
            yield from schema_problems(known, database, line.in_schema, (*keys, "in_schema"))
            if line.on == "large_objects" and spec.postgres < 18:
                yield Problem(
                    (*keys, "on"), f"large_objects need PostgreSQL 18; this spec says {spec.postgres}"
                )
        yield from _default_contradictions(spec, database)


def _default_contradictions(spec: Spec, database: str) -> Iterator[Problem]:
    lines = [
        (("databases", source, "default_privileges", index), line)
        for source, body in inherited(spec, database)
        for index, line in enumerate(body.default_privileges)
    ]
    seen = set()
    for keys, line in lines:
        if line in seen and keys[1] == database:
            yield Problem(keys, "duplicate line; remove one")
        seen.add(line)
    yield from contradiction.of_defaults(lines)
