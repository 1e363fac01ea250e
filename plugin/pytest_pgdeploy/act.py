"""Act as a role: log in as it. Nothing less is a fence.

SET ROLE, and SET SESSION AUTHORIZATION too, leave a session that can become superuser again. Whatever others define
(a view, a trigger, a policy, an index expression) runs in that session when a test uses it, and could do so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdeploy.check import name
from pgdeploy.errors import SecretError, TargetError

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.gate import Gate
    from pgdeploy.secret import Secret


def act_as(role: str, gate: Gate, database: str | None) -> psycopg.Connection[Any]:
    """A connection as the role, as any client of the role gets it, in a transaction of its own.

    A superuser gets one in which nobody presets what names mean.

    Raises:
        TargetError: the server does not let us log in as the role; what to do about it.
    """
    password = _secret(role, gate)
    try:
        connection = gate.server.open(database, user=role, password=password, configured=False)
        if connection.info.parameter_status("is_superuser") == "on":
            connection.close()
            connection = gate.server.open(database, user=role, password=password)
    except TargetError as error:
        raise TargetError(f"cannot act as role {name(role)}: {error}; {_advice(role, gate)}") from error
    connection.autocommit = False
    return connection


def _secret(role: str, gate: Gate) -> Secret | None:
    declared = gate.target.spec.roles.get(role)
    if declared is None or declared.password is None:
        return None
    try:
        return declared.password.read()
    except SecretError as error:
        raise TargetError(f"cannot act as role {name(role)}: {error}") from error


def _advice(role: str, gate: Gate) -> str:
    declared = gate.target.spec.roles.get(role)
    if declared is None:
        return (
            "the spec does not declare it; connect_as logs in, with the secret that the spec gives the role"
        )
    if declared.login is False:
        return "it may not log in, and SET ROLE would be no fence; act as a role with login that is a member of it"
    if declared.password is None:
        return (
            "connect_as logs in: give the role `password:` in the spec, or a rule in `hba:` that lets it in"
        )
    return "connect_as logs in with the secret that the spec gives the role, by the rule of `hba:` for our way in"
