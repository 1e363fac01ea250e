"""Act as a role: log in as it, or become it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdeploy.change import ident
from pgdeploy.errors import SecretError, TargetError

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.gate import Gate
    from pgdeploy.secret import Secret


def act_as(role: str, gate: Gate, database: str | None) -> psycopg.Connection[Any]:
    """A connection as the role, in a transaction of its own.

    Raises:
        TargetError: the server lets us neither log in as the role nor become it.
    """
    connection = _log_in(role, gate, database)
    if isinstance(connection, str):
        why = connection
        connection = _become(role, gate, database)
        if isinstance(connection, str):
            raise TargetError(f"cannot act as role {role}: its login: {why}; SET ROLE: {connection}")
    connection.autocommit = False
    return connection


def _log_in(role: str, gate: Gate, database: str | None) -> psycopg.Connection[Any] | str:
    try:
        return gate.server.open(database, user=role, password=_secret(role, gate))
    except (SecretError, TargetError) as error:
        return str(error)


def _secret(role: str, gate: Gate) -> Secret | None:
    declared = gate.target.spec.roles.get(role)
    return declared.password.read() if declared is not None and declared.password is not None else None


def _become(role: str, gate: Gate, database: str | None) -> psycopg.Connection[Any] | str:
    import psycopg

    try:
        connection = gate.server.open(database)
    except TargetError as error:
        return str(error)
    try:
        # before the transaction begins, or rolling it back would undo this too
        connection.execute(f"SET ROLE {ident(role)}")
    except psycopg.Error as error:
        connection.close()
        return error.diag.message_primary or str(error)
    return connection
