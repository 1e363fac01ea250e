"""Where the rows of a seed come from: a file of rows, a query, or a function of Python. All give rows of texts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.seed.function import call
from pgdeploy.local.path import absent, read_named

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.seed import SeedTableSpec

LARGEST = 64 * 1024 * 1024
"""Bytes of one file: seeds are few rows, and what is large is loaded otherwise."""
MOST = 100_000
"""Rows of one query."""
Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a source says: columns, and rows as JSON, which the server makes a table of."""

    columns: tuple[str, ...]
    json: str
    number: int


def rows_of(seed: SeedTableSpec, connection: psycopg.Connection[Any]) -> Rows:
    """Read them; `connection` is what a query is asked in, and changes nothing.

    Raises:
        TargetError: they cannot be read, or are no rows of a table; with the line.
        psycopg.Error: the query fails.
    """
    if seed.csv is not None:
        path = Path(seed.csv).expanduser()
        _require_small(path)
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return _of_csv(seed, path, csv.reader(file, strict=True))
        except OSError as error:
            raise TargetError(f"{path}: {error.strerror}{absent(error)}") from None
        except UnicodeDecodeError:
            raise TargetError(f"{path}: is not UTF-8") from None
    if seed.query is not None:
        return _of_query(seed, Path(seed.query).expanduser(), connection)
    return _of_function(seed)


def _require_small(path: Path) -> None:
    """Raises TargetError: it is too large, or not there."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}{absent(error)}") from None
    if size > LARGEST:
        raise TargetError(f"{path}: is larger than {LARGEST // 1024**2} MB; load it otherwise")


def _of_csv(seed: SeedTableSpec, path: Path, reader: Any) -> Rows:
    def rows(columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
        for words in reader:
            if not words:
                continue
            where = f"{path}:{reader.line_num}"
            if len(words) != len(columns):
                raise TargetError(
                    f"{where}: has {len(words)} values, and the first line {len(columns)} columns"
                )
            yield where, tuple(None if word == seed.null_text else word for word in words)

    try:
        columns = tuple(next(reader, ()))
        return _checked(seed, f"{path}:1", columns, rows(columns))
    except csv.Error as error:
        raise TargetError(f"{path}:{reader.line_num}: {error}") from None


def _of_query(seed: SeedTableSpec, path: Path, connection: psycopg.Connection[Any]) -> Rows:
    """Of a text of SQL that is one query: in parentheses it can be nothing else, and its values come as texts."""
    from psycopg import sql

    _require_small(path)
    text = read_named(path).strip().rstrip(";")
    query = sql.SQL("(\n{}\n) AS q").format(sql.SQL(text))
    # binary: then the server takes one statement, and not two
    described = connection.execute(sql.SQL("SELECT q.* FROM {} LIMIT 0").format(query), binary=True)
    columns = tuple(one.name for one in described.description or ())
    _require_columns(seed, str(path), columns)
    values = sql.SQL(", ").join(sql.SQL("q.{}::text").format(sql.Identifier(one)) for one in columns)
    whole = sql.SQL("SELECT {} FROM {} LIMIT {}").format(values, query, sql.Literal(MOST + 1))
    found = connection.execute(whole, binary=True).fetchall()
    if len(found) > MOST:
        raise TargetError(f"{path}: gives more than {MOST:,} rows; load them otherwise")
    return _checked(seed, str(path), columns, _numbered(path, found))


def _of_function(seed: SeedTableSpec) -> Rows:
    file, name = seed.function_parts
    columns, found = call(Path(file).expanduser(), name)
    return _checked(seed, f"{file}: {name}()", columns, _numbered(f"{file}: {name}()", found))


def _numbered(place: Path | str, rows: Iterable[Row]) -> Iterator[tuple[str, Row]]:
    return ((f"{place}: row {number}", tuple(row)) for number, row in enumerate(rows, 1))


def _checked(
    seed: SeedTableSpec, place: str, columns: tuple[str, ...], rows: Iterable[tuple[str, Row]]
) -> Rows:
    """Each row with where it is. Raises TargetError: a key is missing, or is there twice."""
    _require_columns(seed, place, columns)
    found: list[dict[str, str | None]] = []
    seen: dict[Row, str] = {}
    for where, values in rows:
        row = dict(zip(columns, values, strict=True))
        key = tuple(row[name] for name in seed.key)
        if None in key or key in seen:
            why = "has no key" if None in key else f"has the key of {_last(seen[key])}"
            raise TargetError(f"{where}: {why}")
        seen[key] = where
        found.append(row)
    return Rows(columns, json.dumps(found), len(found))


def _last(where: str) -> str:
    """Of a place in the same file: `line 2`, or `row 2`."""
    before, _, number = where.rpartition(":")
    return number.strip() if " row " in where[len(before) :] else f"line {number}"


def _require_columns(seed: SeedTableSpec, place: str, columns: Sequence[str]) -> None:
    if len(set(columns)) != len(columns) or not all(columns):
        raise TargetError(f"{place}: a column has no name, or two have the same")
    if lacking := [name for name in seed.key if name not in columns]:
        raise TargetError(
            f"{place}: has no column {lacking[0]}, which `key:` names; it has {', '.join(columns)}"
        )
