"""The session of our own work: the same on every server, whatever ALTER ROLE, ALTER DATABASE or its files set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_SETTINGS = {
    "search_path": "",  # names come out whole
    "quote_all_identifiers": "off",
    "jit": "off",  # the planner does not compile what runs for milliseconds
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_SINCE = {17: {"transaction_timeout": "0"}}


def settle(connection: psycopg.Connection[Any], **more: str) -> None:
    """Settings that the work rests on, in one round trip; `more` are other settings of this session.

    Raises:
        psycopg.Error: the server refuses one of `more`.
    """
    major = connection.info.server_version // 10000
    since = {
        name: value for first, group in _SINCE.items() if first <= major for name, value in group.items()
    }
    known = {**_SETTINGS, **since, **more}
    calls = ", ".join(["set_config(%s, %s, false)"] * len(known))
    connection.execute(f"SELECT {calls}".encode(), [word for pair in known.items() for word in pair])
