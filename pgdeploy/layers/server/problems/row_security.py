"""Lines of `row_security:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import schema_problems, schemas_of
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def _row_security(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    known, seen = schemas_of(spec, database), set()
    for index, line in enumerate(spec.databases[database].row_security):
        where = (*keys, "row_security", index)
        yield from schema_problems(known, database, line.on.schema_, (*where, "on"))
        if line.on.kind != "table":
            message = f"row level security is of tables; read {line.on.text}; allowed: {{schema: NAME, table: NAME}}"
            yield Problem((*where, "on"), message)
        if line.on.text in seen:
            yield Problem(where, f"another line speaks of {line.on.text}; write one")
        seen.add(line.on.text)


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of `row_security:`, each at its place."""
    for database in spec.databases:
        yield from _row_security(spec, database, ("databases", database))
