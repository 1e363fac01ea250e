"""What was written into tables: the counters of the statistics views and rows, before a release and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.reach.server_message import as_target_error
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.server import Server

_TABLES = """
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname), c.oid::int8,
    pg_catalog.pg_stat_get_tuples_inserted(c.oid) + pg_catalog.pg_stat_get_tuples_updated(c.oid)
      + pg_catalog.pg_stat_get_tuples_deleted(c.oid),
    c.relpages <= %(most)s
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AND NOT pg_catalog.row_security_active(c.oid)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1
"""
_OPEN = "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn"
_LARGEST = 8192
"""Pages of a table whose rows are counted one by one: a moment's work. Its size in bytes would wait for locks."""
_PATIENCE = "2s"
_SAME = """
SELECT t.label
FROM ROWS FROM (pg_catalog.unnest(%s::text[]), pg_catalog.unnest(%s::int8[])) AS t(label, id)
JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(t.label) AND c.oid::int8 = t.id AND c.relkind = 'r'
"""


class Table(NamedTuple):
    """`changes` are the rows inserted, updated and deleted since the counters began; `rows` None: not counted."""

    changes: int
    rows: int | None


Tables = Mapping[str, Mapping[str, Table]]
"""By database, by table as SQL names it."""


def tables_of(server: Server, databases: Iterable[str]) -> dict[str, dict[str, Table]]:
    """Of those of these databases that there are. Raises TargetError: one cannot be read."""
    with as_target_error(server.address):
        with closing(server.open()) as connection:
            there = {name for (name,) in connection.execute(_OPEN).fetchall()}
        return {name: _of_database(server, name) for name in databases if name in there}


def _of_database(server: Server, name: str) -> dict[str, Table]:
    with closing(server.open(name)) as connection:
        return dict(_in_database(connection))


def _in_database(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, Table]]:
    rows = connection.execute(_TABLES, {"most": _LARGEST}).fetchall()
    counted = _counted(connection, {str(label): int(oid) for label, oid, _, countable in rows if countable})
    for label, _, changes, _ in rows:
        yield str(label), Table(int(changes), counted.get(str(label)))


def _counted(connection: psycopg.Connection[Any], tables: Mapping[str, int]) -> dict[str, int]:
    """Rows by table, in a few round trips; where one is locked, larger than it seemed, or gone, each by itself."""
    from psycopg import errors

    if not tables:
        return {}
    try:
        with connection.transaction():
            return _counted_together(connection, tables)
    except (
        errors.LockNotAvailable,
        errors.QueryCanceled,
        errors.UndefinedTable,
        errors.InsufficientPrivilege,
    ):
        if len(tables) == 1:
            return {}
    return {
        label: number for one in tables.items() for label, number in _counted(connection, dict([one])).items()
    }


def _counted_together(connection: psycopg.Connection[Any], tables: Mapping[str, int]) -> dict[str, int]:
    """A view in the place of a table would run its owner's functions as us: each is locked before it is looked at."""
    connection.execute(f"SET LOCAL statement_timeout = '{_PATIENCE}'".encode())
    names = ", ".join(f"ONLY {label}" for label in tables)
    connection.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE NOWAIT".encode())
    asked = [list(tables), list(tables.values())]
    same = {str(label) for (label,) in connection.execute(_SAME, asked).fetchall()}
    counts = [
        f"SELECT {number}, pg_catalog.count(*) FROM ONLY {label}"  # noqa: S608 - the server has quoted it
        for number, label in enumerate(tables)
        if label in same
    ]
    found = connection.execute(" UNION ALL ".join(counts).encode()).fetchall() if counts else []
    labels = list(tables)
    return {labels[int(number)]: int(rows) for number, rows in found}


def as_data(tables: Tables) -> dict[str, dict[str, list[int | None]]]:
    """As a journal keeps it."""
    return {name: {label: list(one) for label, one in known.items()} for name, known in tables.items()}


def of_data(data: Mapping[str, Mapping[str, list[int | None]]]) -> dict[str, dict[str, Table]]:
    return {
        name: {label: Table(int(changes or 0), rows) for label, (changes, rows) in known.items()}
        for name, known in data.items()
    }


def since(before: Tables, now: Tables) -> Iterator[str]:
    """One line for each table that was written since: a restore would lose that."""
    for name, known in now.items():
        for label, table in known.items():
            was = before.get(name, {}).get(label)
            if was is None:
                yield f"{quoted_name(name)}: {label}: new since then" + _rows(table)
            elif table.changes < was.changes:
                yield f"{quoted_name(name)}: {label}: nobody knows, as the statistics were reset since"
            elif table.changes > was.changes:
                yield f"{quoted_name(name)}: {label}: {table.changes - was.changes} rows written since"


def _rows(table: Table) -> str:
    return f", {table.rows} rows" if table.rows is not None else ""


def gone(before: Tables, now: Tables) -> Iterator[str]:
    """Tables that are not there any more."""
    for name, known in before.items():
        yield from (
            f"{quoted_name(name)}: {label} is gone" for label in known if label not in now.get(name, {})
        )


def other_rows(before: Tables, now: Tables, *, strict: bool) -> Iterator[str]:
    """Tables whose number of rows is another one. One that was written since may rightly have others, but fewer only
    where users were not kept out (`strict`)."""
    for name, known in before.items():
        for label, was in known.items():
            table = now.get(name, {}).get(label)
            if table is None or None in (was.rows, table.rows) or table.rows == was.rows:
                continue
            fewer = table.rows is not None and was.rows is not None and table.rows < was.rows
            if (strict and fewer) or table.changes == was.changes:
                yield f"{quoted_name(name)}: {label} has {table.rows} rows, and had {was.rows}"
