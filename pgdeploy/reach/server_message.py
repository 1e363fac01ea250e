"""What a server says when something fails, in our words: one line, without the statement, which may hold a verifier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    import psycopg


def server_message(error: psycopg.Error) -> str:
    """The server's message with its code, detail and hint; libpq's own first line when the server said nothing."""
    diag = error.diag
    if diag.message_primary is None:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    known = (("detail", diag.message_detail), ("hint", diag.message_hint))
    more = [f"{label}: {text}" for label, text in known if text]
    return "; ".join([f"{diag.message_primary} ({diag.sqlstate})", *more])


@contextmanager
def as_target_error(address: str) -> Iterator[None]:
    """Whatever the server refuses or breaks off in here is a TargetError that names it."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise TargetError(f"{address}: {server_message(error)}") from error


_NOISE = ("ControlSocket ", "mux_client_", "Warning: Permanently added", "Shared connection to ")
"""Begin the lines in which ssh says that it shares no login this time; that is no failure."""


def last_word(said: str, lines: int = 2) -> str:
    """The last lines of what a program said on stderr, in one."""
    known = [line.strip() for line in said.splitlines()]
    return "; ".join([line for line in known if line and not line.startswith(_NOISE)][-lines:])
