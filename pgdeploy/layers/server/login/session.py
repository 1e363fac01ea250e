"""A connection for probes: it waits for nobody for long, and tells the server that it is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable, TargetError, Unreadable
from pgdeploy.layers.server import database as databases
from pgdeploy.layers.server.login.budget import budget
from pgdeploy.reach.session import deadline, decode_leniently, set_for_session
from pgdeploy.reach.side_by_side import closing
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.server import Server

APPLICATION = "pgdeploy-probe"
"""The application_name of all probes, so that alerts can tell them from attacks."""

THROWAWAY = f"pgdeploy_probe_{token_hex(6)}"
"""How the name of everything begins that probes make in transactions that are rolled back."""


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
        Inapplicable: the database lets nobody in, as the spec says.
        Shut: it lets nobody in, or not us, and the spec wants to look into it.
        Unreadable: it cannot be reached, the connection broke, or it took too long.
    """
    import psycopg

    server = server_of(facts)
    if database is not None and database in facts.shut:
        raise facts.shut[database]
    known = facts.once(databases.databases).get(database or "")
    if known is not None and not known.allow_connections:
        raise Inapplicable(f"database {quoted_name(known.name)} allows no connections")
    try:
        with (
            facts.once(budget).turn() as seconds,
            closing(server.open(database, application_name=APPLICATION)) as connection,
            deadline(connection, seconds, server.address),
        ):
            # who holds a lock on a table goes first: what cannot be tried then is asked
            set_for_session(connection, lock_timeout="50ms")
            decode_leniently(connection)
            yield connection
    except TargetError as error:
        raise Unreadable(str(error)) from error
    except psycopg.Error as error:
        raise Unreadable(f"a probe could not be made: {str(error).strip().splitlines()[0]}") from error
