"""Parameters of a statement: constants of it, as their values decide about plans, too."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.local.path import absent
from pgdeploy.model.workload import FileSpec, QuerySpec

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.workload import StatementSpec

    Cursor = psycopg.Cursor[tuple[Any, ...]]

MOST_LINES = 10_000


def statements(cursor: Cursor, one: StatementSpec) -> tuple[str, ...]:
    """The statement with its parameters; several where a file has several values for one of them.

    Raises:
        psycopg.Error: a query for a parameter is refused.
        TargetError: it gives no single value, or a file has none.
    """
    from psycopg import ClientCursor

    if not one.parameters:
        return (one.sql,)
    values = {name: _values(cursor, name, value) for name, value in one.parameters.items()}
    number = max(map(len, values.values()))
    rows = zip(*(islice(cycle(known), number) for known in values.values()), strict=True)
    client = ClientCursor(cursor.connection)
    return tuple(client.mogrify(one.sql, dict(zip(values, row, strict=True))) for row in rows)


def _values(cursor: Cursor, name: str, value: object) -> tuple[object, ...]:
    if isinstance(value, QuerySpec):
        return (_asked(cursor, name, value.query),)
    return _lines(name, Path(value.file)) if isinstance(value, FileSpec) else (value,)


def _asked(cursor: Cursor, name: str, query: str) -> object:
    execute(cursor, query)
    rows = cursor.fetchmany(2) if cursor.description is not None else []
    if len(rows) != 1 or len(rows[0]) != 1:
        raise TargetError(f"the query for parameter {name} must give one row with one column")
    return rows[0][0]


def _lines(name: str, file: Path) -> tuple[str, ...]:
    """The first of them, without those that are empty."""
    try:
        with file.expanduser().open(encoding="utf-8") as stream:
            lines = tuple(line.rstrip("\r\n") for line in islice(stream, MOST_LINES))
    except (OSError, ValueError) as error:
        why = f"{getattr(error, 'strerror', None) or error}{absent(error)}"
        raise TargetError(f"file {file} for parameter {name} cannot be read: {why}") from None
    if not (known := tuple(filter(None, lines))):
        raise TargetError(f"file {file} for parameter {name} has no values; write one a line")
    return known


def execute(cursor: Cursor, text: str) -> None:
    """Run one statement. What is several is refused by the server, as the first of them could end the transaction."""
    cursor.execute(text.encode(), binary=True)
