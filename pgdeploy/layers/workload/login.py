"""The session of a workload: it logs in as the application's role does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.reach.as_role import open_as
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret

APPLICATION = "pgdeploy workload"


class Failed(str):
    """What the server said of a statement that it refused or canceled."""

    __slots__ = ()

    @classmethod
    def of(cls, error: psycopg.Error) -> Failed:
        """Without details and hints, which quote rows of the application."""
        return cls(error.diag.message_primary or str(error).strip() or "the connection was lost")


def password_of(spec: Spec, role: str) -> Secret | None:
    """Raises SecretError: it cannot be read."""
    declared = spec.roles[role].password
    return declared.read() if declared is not None else None


def log_in(
    role: str, password: Secret | None, database: str, server: Server
) -> psycopg.Connection[tuple[Any, ...]]:
    """A session as the application's. Raises TargetError, which names the role."""
    try:
        return open_as(server, role, password, database, application_name=APPLICATION)
    except TargetError as error:
        raise TargetError(f"cannot log in as {quoted_name(role)}: {error}") from None
