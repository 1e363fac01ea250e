"""Keeps single statements out of whatever a server remembers of its statements: its log, its statistics, pgaudit.

A SCRAM verifier is no password, but lets others guess at one; and members of pg_monitor read statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_SILENT = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_min_error_statement": "panic",
    "debug_print_parse": "off",
    "debug_print_rewritten": "off",
    "track_activities": "off",  # pg_stat_activity
    "pg_stat_statements.track": "none",
    "pg_stat_statements.track_utility": "off",
    "pg_stat_monitor.pgsm_track": "none",
    "pg_stat_monitor.pgsm_track_utility": "off",
    "pgaudit.log": "none",
    "pgaudit.role": "",
}
_SAMPLE = "log_transaction_sample_rate"
"""Logs whole transactions, and is asked for when one begins."""


class Unlogged:
    """Switches all of it off and on again in one session, as far as its user may: a superuser, or by GRANT SET."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Outside a transaction; none that begins afterwards is a sample."""
        since_15 = connection.info.server_version >= 150000
        may = (
            "pg_catalog.has_parameter_privilege(name, 'SET')"
            if since_15
            else "pg_catalog.current_setting('is_superuser') = 'on'"
        )
        query = (
            "SELECT name, setting FROM pg_catalog.pg_settings"  # noqa: S608 - words of ours
            f" WHERE name = ANY(%s) AND (context = 'user' OR context = 'superuser' AND {may})"
        )
        self._connection = connection
        self._logged = dict(connection.execute(query, [[*_SILENT, _SAMPLE]]).fetchall())
        if self._logged.pop(_SAMPLE, None) is not None:
            connection.execute(f"SET {_SAMPLE} TO 0")

    @contextmanager
    def statement(self, *, in_transaction: bool) -> Iterator[None]:
        """Around one statement. In a transaction, its end takes all back where the statement fails."""
        self._set({name: _SILENT[name] for name in self._logged}, local=in_transaction)
        try:
            yield
        finally:
            if not self._connection.closed:
                self._set(self._logged, local=in_transaction)

    def _set(self, values: Mapping[str, str], *, local: bool) -> None:
        if not values:
            return
        calls = ", ".join([f"pg_catalog.set_config(%s, %s, {str(local).lower()})"] * len(values))
        words = [word for pair in values.items() for word in pair]
        self._connection.execute(f"SELECT {calls}".encode(), words)
