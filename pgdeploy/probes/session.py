"""A connection for probes: it waits for nobody for long, and finds no object by a name without a schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pgdeploy.check import Inapplicable, name
from pgdeploy.connection.session import set_for_session
from pgdeploy.connection.side import closing
from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.facts import Facts
from pgdeploy.resources import database as databases

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.connection.server import Server

THROWAWAY = f"pgdeploy_probe_{token_hex(6)}"
"""The name of everything that probes make in transactions that are rolled back."""


@cache
def sql(name: str) -> str:
    """A statement of ours; `{quiet}` in it stands for the condition of that name."""
    folder = files("pgdeploy.probes") / "sql"
    text = (folder / f"{name}.sql").read_text(encoding="utf-8")
    return text.replace("{quiet}", sql("quiet")) if "{quiet}" in text else text


def server_of(facts: Facts) -> Server:
    """The running server.

    Raises:
        Unreadable: there is none.
    """
    if facts.server is None:
        raise Unreadable("a probe acts on a running server; these facts come from a file")
    return facts.server


@contextmanager
def session(facts: Facts, database: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """A connection as pgdeploy's own user, autocommit, closed at the end.

    Raises:
        Inapplicable: the database lets nobody in.
        Unreadable: it cannot be reached, or the connection broke.
    """
    import psycopg

    server = server_of(facts)
    known = facts.once(databases.databases).get(database or "")
    if known is not None and not known.allow_connections:
        raise Inapplicable(f"database {name(known.name)} allows no connections")
    try:
        with closing(server.open(database)) as connection:
            # who holds a lock on a table goes first: what cannot be tried then is asked
            set_for_session(connection, lock_timeout="50ms", statement_timeout="30s")
            yield connection
    except TargetError as error:
        raise Unreadable(str(error)) from error
    except psycopg.Error as error:
        raise Unreadable(f"a probe could not be made: {str(error).strip().splitlines()[0]}") from error
