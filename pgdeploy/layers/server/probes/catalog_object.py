"""Objects as the server has them now: by which oid it knows them, whose they are, and of tables the columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.probes.statement import sql

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class CatalogObject:
    """An object. `reference` is its oid, or the name of a parameter, which has none of its own.

    `stored`: a table or a partitioned one, neither a view nor foreign. `columns` are read only where a key names one.
    """

    reference: str
    owner: str
    stored: bool = False
    columns: tuple[Column, ...] = ()


CatalogObjects = Mapping[ObjectKey, CatalogObject]


def read_objects(
    connection: psycopg.Connection[Any], keys: Collection[ObjectKey], roles: Mapping[int, str]
) -> CatalogObjects:
    """What the keys name, as far as it exists, with the schemas that they stand in. `roles` is by oid."""
    schemas = {key.name if key.kind == "schema" else key.schema for key in keys} - {None}
    with_columns = {key.name for key in keys if key.kind == "column"}
    parameters = {"schemas": list(schemas), "with_columns": list(with_columns)}
    found = {
        ObjectKey(*row[:4]): CatalogObject(
            row[4], roles.get(row[5], ""), row[6], tuple(map(Column, row[7] or (), row[8] or ()))
        )
        for row in connection.execute(sql("things"), parameters)
    }
    return found | {key: CatalogObject(key.name, "") for key in keys if key.kind == "parameter"}


def column_of(key: ObjectKey, thing: CatalogObject) -> Column | None:
    """The column that a key names."""
    return next((column for column in thing.columns if column.name == key.sub), None)
