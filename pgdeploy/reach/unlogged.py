"""Keeps single statements out of whatever a server remembers of its statements: its log, its statistics, pgaudit.

A SCRAM verifier is no password, but lets others guess at one; and members of pg_monitor read statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_SILENT = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_min_error_statement": "panic",
    "log_min_messages": "warning",  # at debug levels the server logs what it parses
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


_BOUND = "SELECT pg_catalog.set_config('pgdeploy.statement', %s, true)"
_EXECUTE = """
DO $$BEGIN
  EXECUTE pg_catalog.current_setting('pgdeploy.statement');
EXCEPTION WHEN OTHERS THEN
  -- without the context, which is the statement
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END$$"""
"""The statement comes as a parameter: what logs and counts statements (log_statement up to `mod`) has only this one."""


class Unlogged:
    """Runs statements of one session out of sight.

    A superuser, or who has GRANT SET, switches all of it off and on again. For others the statement is executed by
    one that only names it.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Outside a transaction; none that begins afterwards is a sample."""
        since_15 = connection.info.server_version >= 150000
        may = (
            "pg_catalog.has_parameter_privilege(name, 'SET')"
            if since_15
            else "pg_catalog.current_setting('is_superuser') = 'on'"
        )
        query = (
            f"SELECT name, setting, context = 'user' OR context = 'superuser' AND {may}"  # noqa: S608 - words of ours
            " FROM pg_catalog.pg_settings WHERE name = ANY(%s)"
        )
        rows = connection.execute(query, [[*_SILENT, _SAMPLE]]).fetchall()
        self._connection = connection
        self._logged = {name: setting for name, setting, settable in rows if settable}
        self._complete = all(settable for _, _, settable in rows)
        if self._logged.pop(_SAMPLE, None) is not None:
            connection.execute(f"SET {_SAMPLE} TO 0")

    def execute(self, text: str, *, in_transaction: bool) -> psycopg.Cursor[Any]:
        """One statement. In a transaction, its end takes back what was switched off where the statement fails.

        Raises:
            psycopg.Error: the server refuses it.
        """
        self._set({name: _SILENT[name] for name in self._logged}, local=in_transaction)
        try:
            if self._complete or not in_transaction:
                return self._connection.execute(text)
            self._connection.execute(_BOUND, [text])
            return self._connection.execute(_EXECUTE)
        finally:
            if not self._connection.closed:
                self._set(self._logged, local=in_transaction)

    def _set(self, values: Mapping[str, str], *, local: bool) -> None:
        if not values:
            return
        calls = ", ".join([f"pg_catalog.set_config(%s, %s, {str(local).lower()})"] * len(values))
        words = [word for pair in values.items() for word in pair]
        self._connection.execute(f"SELECT {calls}".encode(), words)
