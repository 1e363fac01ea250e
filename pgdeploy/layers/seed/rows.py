"""How a table differs from the rows that it must have: the server compares, in the types of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composable

    from pgdeploy.layers.seed.source import Rows
    from pgdeploy.model.seed import SeedTableSpec

_SHOWN = 5
_TYPES = """
SELECT attname::text, pg_catalog.format_type(atttypid, NULL)
FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
"""Without lengths: a cast would cut what is too long, where an INSERT refuses it."""


class Differences(NamedTuple):
    """Rows of the file that the table lacks, and such as have other values there; `shown` are keys of some of them."""

    missing: int
    other: int
    shown: tuple[str, ...]


def differences(seed: SeedTableSpec, rows: Rows, connection: psycopg.Connection[Any]) -> Differences | None:
    """How the table differs; None where there is no such table.

    Raises:
        TargetError: a column is missing.
        psycopg.Error: a value is none of its type, or we may not read it.
    """
    from psycopg import sql

    name = _name(seed)
    there = connection.execute("SELECT pg_catalog.to_regclass(%s) IS NULL", [name.as_string(None)])
    if there.fetchone() == (True,):
        return None
    rest = [column for column in rows.columns if column not in seed.key]
    differs: Composable = sql.SQL("false")
    if rest:
        differs = sql.SQL("({}) IS DISTINCT FROM ({})").format(_list("t", rest), _list("d", rest))
    query = sql.SQL(
        "SELECT t.{first} IS NULL, pg_catalog.concat_ws(', ', {key}) FROM {desired} LEFT JOIN {name} AS t ON {same} "
        "WHERE t.{first} IS NULL OR {differs} ORDER BY 2"
    ).format(
        first=sql.Identifier(seed.key[0]),
        key=_list("d", seed.key),
        desired=_desired(seed, rows, connection),
        name=name,
        same=_same(seed.key),
        differs=differs,
    )
    found = connection.execute(query, [rows.json]).fetchall()
    missing = [key for absent_, key in found if absent_]
    return Differences(len(missing), len(found) - len(missing), tuple(str(key) for _, key in found[:_SHOWN]))


def write(seed: SeedTableSpec, rows: Rows, connection: psycopg.Connection[Any]) -> None:
    """Insert what is missing, and give the others the values of the file. Raises as `differences` does."""
    from psycopg import sql

    rest = [column for column in rows.columns if column not in seed.key]
    into = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    action: Composable = sql.SQL("DO NOTHING")
    if rest:
        values = sql.SQL(", ").join(
            sql.SQL("{} = EXCLUDED.{}").format(sql.Identifier(one), sql.Identifier(one)) for one in rest
        )
        action = sql.SQL("DO UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(
            values, _list("t", rest), _list("EXCLUDED", rest)
        )
    statement = sql.SQL("INSERT INTO {} AS t ({}) SELECT {} FROM {} ON CONFLICT ({}) {}").format(
        _name(seed),
        into,
        _list("d", rows.columns),
        _desired(seed, rows, connection),
        sql.SQL(", ").join(map(sql.Identifier, seed.key)),
        action,
    )
    connection.execute(statement, [rows.json])


def clear(seed: SeedTableSpec, connection: psycopg.Connection[Any]) -> None:
    """Delete all rows. Raises psycopg.Error: rows of another table refer to them, or we may not."""
    from psycopg import sql

    connection.execute(sql.SQL("DELETE FROM {}").format(_name(seed)))


def _name(seed: SeedTableSpec) -> Any:
    from psycopg import sql

    return sql.Identifier(seed.schema_, seed.table)


def _desired(seed: SeedTableSpec, rows: Rows, connection: psycopg.Connection[Any]) -> Composable:
    """The rows of the file as a table `d`, in the types of the columns: a text of the file is read as they read it.

    Raises:
        TargetError: the table has no such column.
    """
    from psycopg import sql

    types = dict(connection.execute(_TYPES, [_name(seed).as_string(None)]).fetchall())
    if lacking := [column for column in rows.columns if column not in types]:
        place = ":1" if seed.csv is not None else ""
        raise TargetError(f"{seed.source}{place}: {seed.schema_}.{seed.table} has no column {lacking[0]}")
    values = sql.SQL(", ").join(
        sql.SQL("(r ->> {})::{} AS {}").format(sql.Literal(one), sql.SQL(types[one]), sql.Identifier(one))
        for one in rows.columns
    )
    return sql.SQL("(SELECT {} FROM pg_catalog.json_array_elements(%s::pg_catalog.json) r) d").format(values)


def _list(of: LiteralString, columns: Sequence[str]) -> Composable:
    from psycopg import sql

    return sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.SQL(of), sql.Identifier(one)) for one in columns)


def _same(key: Sequence[str]) -> Composable:
    from psycopg import sql

    return sql.SQL(" AND ").join(
        sql.SQL("t.{} = d.{}").format(sql.Identifier(one), sql.Identifier(one)) for one in key
    )
