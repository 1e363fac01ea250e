"""Objects as the server has them now: by which oid it knows them, and what their planning would run.

EXPLAIN checks privileges without executing, but planning a query may call functions that somebody hung on a
table (in an index, a CHECK, a default), in a session that could become superuser again. Such a table is not
`quiet`, and is only asked about, never acted on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.probes.session import sql
from pgdeploy.resources.acl import ObjectKey

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `kind` is `a` or `d` for an identity column, `g` for a generated one."""

    name: str
    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class Thing:
    """An object. `reference` is its oid, or the name of a parameter, which has none of its own."""

    reference: str
    owner: str
    quiet: bool = False
    columns: tuple[Column, ...] = ()


Things = Mapping[ObjectKey, Thing]


def read_things(
    connection: psycopg.Connection[Any], keys: Collection[ObjectKey], roles: Mapping[int, str]
) -> Things:
    """What the keys name, as far as it exists, with the schemas that they stand in. `roles` is by oid."""
    schemas = {key.name if key.kind == "schema" else key.schema for key in keys} - {None}
    rows = connection.execute(sql("things"), {"schemas": list(schemas)}).fetchall()
    found = {
        ObjectKey(*row[:4]): Thing(row[4], roles.get(row[5], ""), row[6], tuple(map(Column, *row[7:])))
        for row in rows
    }
    parameters = (key for key in keys if key.kind == "parameter")
    return found | {key: Thing(key.name, "") for key in parameters}


def table_of(key: ObjectKey) -> ObjectKey:
    """The object that a key's oid is of: a column's table, else itself."""
    return key._replace(kind="table", sub=None) if key.kind == "column" else key


def column_of(key: ObjectKey, thing: Thing) -> Column | None:
    """The column that a key names."""
    return next((column for column in thing.columns if column.name == key.sub), None)
