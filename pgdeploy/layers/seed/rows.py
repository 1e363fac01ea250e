"""The rows of a file, and how a table differs from them: the server compares, in the types of its columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple

from pgdeploy.errors import TargetError
from pgdeploy.local.path import absent

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composable

    from pgdeploy.model.seed import SeedTableSpec

LARGEST = 64 * 1024 * 1024
"""Bytes of one file: seeds are few rows, and what is large is loaded otherwise."""
_SHOWN = 5
_TYPES = """
SELECT attname::text, pg_catalog.format_type(atttypid, NULL)
FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
"""Without lengths: a cast would cut what is too long, where an INSERT refuses it."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file says: the columns in its first line, and rows as JSON, which the server makes a table of."""

    columns: tuple[str, ...]
    json: str
    number: int


class Differences(NamedTuple):
    """Rows of the file that the table lacks, and such as have other values there; `shown` are keys of some of them."""

    missing: int
    other: int
    shown: tuple[str, ...]


def rows_of(seed: SeedTableSpec) -> Rows:
    """Read the file.

    Raises:
        TargetError: it cannot be read, or is no table; with the line.
    """
    path = Path(seed.csv).expanduser()
    try:
        if path.stat().st_size > LARGEST:
            raise TargetError(f"{path}: is larger than {LARGEST // 1024**2} MB; load it otherwise")
        with path.open(encoding="utf-8", newline="") as file:
            return _rows(seed, path, csv.reader(file, strict=True))
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}{absent(error)}") from None
    except UnicodeDecodeError:
        raise TargetError(f"{path}: is not UTF-8") from None


def _rows(seed: SeedTableSpec, path: Path, reader: Any) -> Rows:
    found: list[dict[str, str | None]] = []
    seen: dict[tuple[str | None, ...], int] = {}
    try:
        columns = tuple(next(reader, ()))
        _require_columns(seed, path, columns)
        for words in reader:
            if not words:
                continue
            if len(words) != len(columns):
                raise TargetError(
                    f"{path}:{reader.line_num}: has {len(words)} values, and the first line {len(columns)} columns"
                )
            row = {
                name: None if word == seed.null_text else word
                for name, word in zip(columns, words, strict=True)
            }
            key = tuple(row[name] for name in seed.key)
            if None in key or key in seen:
                why = "has no key" if None in key else f"has the key of line {seen[key]}"
                raise TargetError(f"{path}:{reader.line_num}: {why}")
            seen[key] = reader.line_num
            found.append(row)
    except csv.Error as error:
        raise TargetError(f"{path}:{reader.line_num}: {error}") from None
    return Rows(columns, json.dumps(found), len(found))


def _require_columns(seed: SeedTableSpec, path: Path, columns: Sequence[str]) -> None:
    if len(set(columns)) != len(columns) or not all(columns):
        raise TargetError(f"{path}:1: a column has no name, or two have the same")
    if lacking := [name for name in seed.key if name not in columns]:
        raise TargetError(
            f"{path}:1: has no column {lacking[0]}, which `key:` names; it has {', '.join(columns)}"
        )


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
        raise TargetError(f"{seed.csv}:1: {seed.schema_}.{seed.table} has no column {lacking[0]}")
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
