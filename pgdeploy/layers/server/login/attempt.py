"""One attempt to log in as a role, and what the server's refusal means.

libpq gives no SQLSTATE for a login that fails, and the words are in the server's language. But it knows
whether the server asked for a password; and two refusals with the same words have the same cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.server.login.session import APPLICATION
from pgdeploy.reach.as_role import PATIENCE, SlowLoginError, open_as
from pgdeploy.reach.side_by_side import closing

if TYPE_CHECKING:
    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended. `asked`: the server wanted the password. `words`: why it refused."""

    entered: bool
    asked: bool
    words: str = ""


def attempt(
    server: Server,
    role: str,
    password: Secret,
    database: str | None,
    seconds: float = PATIENCE,
    *,
    known: Server | None = None,
) -> Attempt:
    """Try once. `known` is the server by the way that must work; without it, this one.

    Raises:
        Unreadable: the server cannot be reached at all, or the login does not end: no failed login.
    """
    try:
        # as any client of the role: what is preset for it may be what keeps it out
        entered = open_as(
            server, role, password, database, application_name=APPLICATION, seconds=min(seconds, PATIENCE)
        )
        with closing(entered) as connection:
            return Attempt(True, connection.pgconn.used_password)
    except TargetError as error:
        from psycopg.errors import ConnectionTimeout

        if isinstance(error, SlowLoginError) or isinstance(error.__cause__, ConnectionTimeout):
            raise Unreadable(str(error)) from error
        pgconn = _pgconn(error)
        asked = pgconn is not None and pgconn.used_password
        if not asked:
            _require_reachable(known or server)
        return Attempt(False, asked, _words(error, pgconn))


def _pgconn(error: BaseException) -> Any:
    """libpq's own record of the attempt, from whichever error in the chain has it."""
    cause = error.__cause__
    return getattr(cause, "pgconn", None) or (_pgconn(cause) if cause is not None else None)


def _require_reachable(server: Server) -> None:
    try:
        server.open(application_name=APPLICATION).close()
    except TargetError as error:
        raise Unreadable(str(error)) from error


def _words(error: TargetError, pgconn: Any) -> str:
    """What the server said, without how it was reached, on one line."""
    if pgconn is None:
        return str(error)
    text = pgconn.error_message.decode(errors="replace")
    return "; ".join(line.strip() for line in text.rpartition(" failed: ")[2].splitlines() if line.strip())
