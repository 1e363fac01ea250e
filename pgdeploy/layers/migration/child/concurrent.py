"""What is done outside of a transaction, beside others' work: a run that is cut short leaves some of it.

What is left is taken for what it is: half an index goes first, a whole one that is as the revision wants it stays, and
one that is gone already is not missed. A value that an enum has is not added again.
"""

from __future__ import annotations

import re
from typing import Any

_NAME = r'(?:"(?:[^"]|"")+"|[^\s".(]+)'
_CREATE = re.compile(
    rf"\s*CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<index>{_NAME})\s+ON\s+"
    rf"(?:ONLY\s+)?(?P<table>{_NAME}(?:\.{_NAME})?)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_DROP = re.compile(r"\s*DROP\s+INDEX\s+CONCURRENTLY\s+(?!IF\s)", re.IGNORECASE)
_ADD = re.compile(r"\s*ALTER\s+TYPE\s+\S+\s+ADD\s+VALUE\s+(?!IF\s)", re.IGNORECASE)
_THERE = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), i.indisvalid, pg_catalog.pg_get_indexdef(i.indexrelid)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = pg_catalog.to_regclass(:on) AND c.relname = (pg_catalog.parse_ident(:name))[1]
"""
_TWIN = "pgdeploy_twin"
_DONE = "SELECT 1"


def begins(connection: Any, statement: str, timeout: str) -> str:
    """What is to be executed in place of a statement, which may be the same.

    `timeout` in milliseconds is for these statements alone: they wait for each older transaction, and hold nobody up.
    """
    if (dropping := _DROP.match(statement)) is not None:
        _limit(connection, timeout)
        return f"{statement[: dropping.end()]}IF EXISTS {statement[dropping.end() :]}"
    if (adding := _ADD.match(statement)) is not None and _is_alone(connection):
        return f"{statement[: adding.end()]}IF NOT EXISTS {statement[adding.end() :]}"
    creating = _CREATE.match(statement)
    if creating is None:
        return statement
    _limit(connection, timeout)
    from sqlalchemy import text

    there = connection.execute(text(_THERE), {"on": creating["table"], "name": creating["index"]}).all()
    for name, valid, definition in there:
        if not valid:
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {name}")
        elif _meaning(definition) == _meaning(_wanted(connection, creating)):
            return _DONE
    return statement


def ended(connection: Any, statement: str) -> None:
    """After it, the limits are those of the session again."""
    if _CREATE.match(statement) or _DROP.match(statement) or statement == _DONE:
        for name in ("lock_timeout", "statement_timeout"):
            connection.exec_driver_sql(f"RESET {name}")


def _is_alone(connection: Any) -> bool:
    """Whether each statement is a transaction of its own."""
    return bool(connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT")


def _limit(connection: Any, timeout: str) -> None:
    connection.exec_driver_sql("SET lock_timeout = 0")
    connection.exec_driver_sql(f"SET statement_timeout = {timeout}")


def _wanted(connection: Any, creating: re.Match[str]) -> str:
    """The definition that the index would have, by making it on an empty table of the same columns."""
    unique = creating["unique"] or ""
    connection.exec_driver_sql(f"CREATE TEMP TABLE {_TWIN} (LIKE {creating['table']})")
    try:
        connection.exec_driver_sql(f"CREATE {unique}INDEX {_TWIN}_index ON {_TWIN}{creating['rest']}")
        found = connection.exec_driver_sql(
            f"SELECT pg_catalog.pg_get_indexdef('pg_temp.{_TWIN}_index'::regclass)"
        )
        return str(found.scalar_one())
    finally:
        connection.exec_driver_sql(f"DROP TABLE pg_temp.{_TWIN}")


def _meaning(definition: str) -> tuple[bool, str]:
    """Of pg_get_indexdef: without the names of index and table."""
    return definition.startswith("CREATE UNIQUE"), definition.partition(" USING ")[2]
