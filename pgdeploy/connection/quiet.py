"""Keeps single statements out of the server's log: a verifier is no password, but lets others guess at one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_QUIET = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_min_error_statement": "panic",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
}
_SAMPLE = "log_transaction_sample_rate"
"""Logs whole transactions, and is asked for when one begins."""


class Quiet:
    """Switches the log off and on again on one connection, as far as its user may: a superuser, or by GRANT SET."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Outside a transaction; none that begins afterwards is a sample."""
        since_15 = connection.info.server_version >= 150000
        may = "has_parameter_privilege(name, 'SET')" if since_15 else "current_setting('is_superuser')::bool"
        query = f"SELECT name, setting FROM pg_settings WHERE name = ANY(%s) AND (context = 'user' OR {may})"  # noqa: S608
        self._connection = connection
        self._loud = dict(connection.execute(query, [[*_QUIET, _SAMPLE]]).fetchall())
        if self._loud.pop(_SAMPLE, None) is not None:
            connection.execute(f"SET {_SAMPLE} TO 0")

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Around one statement; in a transaction, whose end takes it back where the statement fails."""
        self._set({name: _QUIET[name] for name in self._loud})
        yield
        self._set(self._loud)

    def _set(self, values: Mapping[str, str]) -> None:
        calls = ", ".join(["set_config(%s, %s, true)"] * len(values))
        words = [word for pair in values.items() for word in pair]
        self._connection.execute(f"SELECT {calls}".encode(), words)
