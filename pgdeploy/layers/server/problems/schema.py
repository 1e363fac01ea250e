"""Schemas, and those of extensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import role_problems, schema_problems, schemas_of
from pgdeploy.layers.server.schema import GIVEN
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def _schemas(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    body = spec.databases[database]
    for schema, schema_body in body.schemas.items():
        where = (*keys, "schemas", schema)
        if schema.startswith("pg_") and schema not in GIVEN:
            yield Problem(where, f"{schema} is a reserved name in PostgreSQL", about_key=True)
        if schema_body.owner is not None:
            yield from role_problems(spec, schema_body.owner, (*where, "owner"))
    known = schemas_of(spec, database)
    for extension, extension_body in body.extensions.items():
        yield from schema_problems(
            known, database, extension_body.schema_, (*keys, "extensions", extension, "schema")
        )


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of schemas, each at its place."""
    for database in spec.databases:
        yield from _schemas(spec, database, ("databases", database))
