"""A login as a role of the server, which ends whatever the role has made of its password.

With SCRAM the server tells the client how often to hash the password, and it has the number from the role's verifier:
up to two thousand million, an hour in a library that nothing interrupts. So it works in a thread, which is left alone
when it takes too long and ends with the run.
"""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.reach.server import APPLICATION
from pgdeploy.secret.scram import MOST_ITERATIONS

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret

    _Login = Future[psycopg.Connection[tuple[object, ...]]]

PATIENCE = 30.0
"""Seconds for one login."""


class SlowLoginError(TargetError):
    """Neither let in nor refused."""


def open_as(
    server: Server,
    role: str,
    password: Secret | None,
    database: str | None,
    *,
    application_name: str = APPLICATION,
    configured: bool = False,
    seconds: float = PATIENCE,
) -> psycopg.Connection[tuple[object, ...]]:
    """`Server.open` as the role.

    Raises:
        SlowLoginError: it takes too long.
        TargetError: as `Server.open` does.
    """
    login: _Login = Future()

    def log_in() -> None:
        try:
            opened = server.open(
                database,
                user=role,
                password=password,
                application_name=application_name,
                configured=configured,
            )
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            login.set_exception(error)
        else:
            login.set_result(opened)

    Thread(target=log_in, daemon=True).start()
    try:
        return login.result(seconds)
    except TimeoutError:
        login.add_done_callback(_close)
        raise SlowLoginError(
            f"{server.address}: the login took longer than {seconds:g} s; if its verifier has very many iterations "
            f"(more than {MOST_ITERATIONS:,}), set its password anew"
        ) from None


def _close(login: _Login) -> None:
    if login.exception() is None:  # noqa: LOG004 - a future, no logger
        login.result().close()
