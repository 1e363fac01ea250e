"""Invariants of the spec, asked of a restored database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pgdeploy.reach.server_message import server_message

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.backup import InvariantSpec


def broken(invariants: Iterable[InvariantSpec], connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Those that do not hold in the database of the connection, each with what its query returns."""
    connection.execute("SET default_transaction_read_only = on")
    for one in invariants:
        if why := _why(one, connection):
            yield f"invariant {one.sql}: {why}"


def _why(one: InvariantSpec, connection: psycopg.Connection[Any]) -> str:
    import psycopg

    try:
        rows = connection.execute(one.sql.encode()).fetchmany(2)
    except psycopg.Error as error:
        return server_message(error)
    if len(rows) != 1 or len(rows[0]) != 1:
        return "it must return one row with one column"
    (value,) = rows[0]
    number = float(value) if isinstance(value, (int, float, Decimal)) else None
    if one.at_least is not None and (number is None or number < one.at_least):
        return f"it returns {value}, and not at least {one.at_least:g}"
    if one.returns is not None and not _is(value, number, one.returns):
        return f"it returns {value}, and not {one.returns}"
    return ""


def _is(value: object, number: float | None, desired: str | float | bool) -> bool:
    """A text stands for any type as PostgreSQL's default format shows it; a number for each type of numbers."""
    if isinstance(desired, str):
        return str(value) == desired
    return value == desired if isinstance(desired, bool) or isinstance(value, int) else number == desired
