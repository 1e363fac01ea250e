"""Act as a role: log in as it. Nothing less is a fence.

SET ROLE, and SET SESSION AUTHORIZATION too, leave a session that can become superuser again. Whatever others define
(a view, a trigger, a policy, an index expression) runs in that session when a test uses it, and could do so.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import SecretError, TargetError
from pgdeploy.reach.as_role import open_as
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.gate.gate import Gate
    from pgdeploy.secret.reference import Secret


def act_as(role: str, gate: Gate, database: str | None) -> psycopg.Connection[Any]:
    """A connection as the role, as any client of the role gets it, in a transaction of its own.

    For a role that is superuser or creates roles, or can become such a role, nobody presets what names mean in it.

    Raises:
        TargetError: the server does not let us log in as the role; what to do about it.
    """
    password = _secret(role, gate)
    try:
        connection = open_as(gate.server, role, password, database, configured=_is_powerful(role, gate))
    except TargetError as error:
        raise TargetError(
            f"cannot act as role {quoted_name(role)}: {error}; {_advice(role, gate)}"
        ) from error
    connection.autocommit = False
    return connection


_POWERFUL = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_roles s ON pg_catalog.pg_has_role(r.oid, s.oid, 'MEMBER')
    WHERE r.rolname = %s AND (s.rolsuper OR s.rolcreaterole))"""


def _is_powerful(role: str, gate: Gate) -> bool:
    """Asked in a session of ours: one of the role itself may have begun as somebody else."""
    with closing(gate.server.open()) as connection:
        return bool(connection.execute(_POWERFUL, [role]).fetchone()[0])  # type: ignore[index]


def _secret(role: str, gate: Gate) -> Secret | None:
    declared = gate.target.spec.roles.get(role)
    if declared is None or declared.password is None:
        return None
    try:
        return declared.password.read()
    except SecretError as error:
        raise TargetError(f"cannot act as role {quoted_name(role)}: {error}") from error


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
