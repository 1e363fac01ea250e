"""A database of its own for a workload that writes: made for it, filled, and dropped after it.

What such a workload does cannot reach the rows of the application, which are in another database. The session that
made the database holds an advisory lock with its number until it is dropped: what a kill left has nobody who holds
it, and is dropped by the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.workload.login import APPLICATION, Failed, log_in, password_of

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import ScriptSpec, StatementSpec
    from pgdeploy.reach.server import Server

PREFIX = "pgdeploy_workload_"
PREPARE_TIMEOUT = "1min"
_LOCK = int.from_bytes(b"work", "big")
"""The first half of the advisory locks; the second is the number in the database's name."""
_MARK = 9714
"""The database's limit of connections, by which we know it as ours: no kill can come between the two."""
_LEFT = """
SELECT datname::text FROM pg_catalog.pg_database
WHERE datname ~ '^pgdeploy_workload_[0-9]+$'
  AND datconnlimit = %s
"""


@contextmanager
def database_for(spec: Spec, one: StatementSpec | ScriptSpec, server: Server) -> Iterator[str]:
    """Where the workload runs: its database, or one of its own until the end of the block where it writes.

    Raises:
        TargetError: the database cannot be made or filled; with the server's words.
        SecretError: the role's password cannot be read.
    """
    import psycopg

    if not one.writes:
        yield one.database
        return
    with closing(server.open(application_name=APPLICATION)) as connection:
        try:
            _drop_what_is_left(connection)
            name = _make(connection, one)
        except psycopg.Error as error:
            raise TargetError(f"no database for what the workload writes: {Failed.of(error)}") from None
        try:
            _prepare(spec, one, server, name)
            yield name
        finally:
            # a connection that was lost drops nothing; the next run does
            with suppress(psycopg.Error):
                _drop(connection, name)


def _make(connection: psycopg.Connection[Any], one: StatementSpec | ScriptSpec) -> str:
    """Encoded and sorted as the database that it stands for; the role owns it."""
    from psycopg import sql

    number = secrets.randbelow(2**31 - 1)
    name = f"{PREFIX}{number}"
    connection.execute("SELECT pg_catalog.pg_advisory_lock(%s, %s)", (_LOCK, number))
    row = connection.execute(
        "SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype FROM pg_catalog.pg_database "
        "WHERE datname = %s",
        (one.database,),
    ).fetchone()
    if row is None:
        raise TargetError(f"database {one.database} does not exist")
    made = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {} CONNECTION LIMIT {}"
    words = (sql.Identifier(name), sql.Identifier(one.role), *map(sql.Literal, (*row, _MARK)))
    connection.execute(sql.SQL(made).format(*words))
    return name


def _prepare(spec: Spec, one: StatementSpec | ScriptSpec, server: Server, name: str) -> None:
    import psycopg

    if one.prepare is None:
        return
    with closing(log_in(one.role, password_of(spec, one.role), name, server)) as connection:
        try:
            connection.execute(f"SET statement_timeout = '{PREPARE_TIMEOUT}'".encode())
            connection.execute(one.prepare.encode())
        except psycopg.Error as error:
            raise TargetError(f"prepare fails: {Failed.of(error)}") from None


def _drop_what_is_left(connection: psycopg.Connection[Any]) -> None:
    for (name,) in connection.execute(_LEFT, (_MARK,)).fetchall():
        key = (_LOCK, int(name.removeprefix(PREFIX)))
        got = connection.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", key).fetchone()
        if got == (True,):
            _drop(connection, name)
            connection.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", key)


def _drop(connection: psycopg.Connection[Any], name: str) -> None:
    from psycopg import sql

    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
