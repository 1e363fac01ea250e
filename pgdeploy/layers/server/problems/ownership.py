"""Lines of `ownership:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import role_problems, schema_problems, schemas_of
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

_NO_OWNER = {
    "database": "`owner:` of the database",
    "schema": "`owner:` of the schema",
    "column": "the table",
    "language": "nothing: languages belong to their extension",
}


def _ownership(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    known = schemas_of(spec, database)
    for index, line in enumerate(spec.databases[database].ownership):
        where = (*keys, "ownership", index)
        yield from role_problems(spec, line.owner, (*where, "owner"))
        yield from schema_problems(known, database, line.on.schema_, (*where, "on"))
        if instead := _NO_OWNER.get(line.on.kind):
            yield Problem((*where, "on"), f"ownership of a {line.on.kind} is not written here; use {instead}")


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of `ownership:`, each at its place."""
    for database in spec.databases:
        yield from _ownership(spec, database, ("databases", database))
