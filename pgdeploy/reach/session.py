"""Every session of ours is opened here, and is the same whatever others preset.

ALTER ROLE, ALTER DATABASE ... SET and the server's files decide how a session begins: with somebody else's
search_path it runs somebody else's functions, as us. So `connect` pins what names mean in the startup packet, which
beats all of them, before the first statement; then one statement takes back what else was preset.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.reach.server_message import server_message

if TYPE_CHECKING:
    import psycopg

SEARCH_PATH = "pg_catalog,pg_temp"
"""pg_temp stands last, or PostgreSQL would look for tables and types there first."""

_TIMEOUTS = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
_SINCE_17 = {"transaction_timeout": "0"}
CANCELED = "57014"
_TIMED_OUT = (CANCELED, "57P05", "25P03", "25P04", "55P03")
"""What a session is ended or refused with when one of these is short."""

_PINNED = {
    **_TIMEOUTS,
    **_SINCE_17,
    "default_transaction_read_only": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "row_security": "on",
    "standard_conforming_strings": "on",
    "backslash_quote": "safe_encoding",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    "array_nulls": "on",
    "bytea_output": "hex",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "createrole_self_grant": "",
    "check_function_bodies": "on",
    "jit": "off",  # the planner does not compile what runs for milliseconds
}
"""Settings that the work rests on, wherever another value comes from; in the units of pg_settings."""

# Qualified down to the operators: a pooler may have dropped the startup packet's search_path, and then this statement
# runs under another one. It changes nothing unless the backend is the one that answered the login. All settings are
# looked through only where something is preset for this database or this role.
_CONFIGURE = """
SELECT b.pid, pg_catalog.current_setting('search_path'), (
    SELECT pg_catalog.count(pg_catalog.set_config(p.name, p.value, false))
    FROM pg_catalog.json_each_text(%(pinned)s::pg_catalog.json) AS p(name, value)
    WHERE b.pid OPERATOR(pg_catalog.=) %(pid)s::pg_catalog.int4
      AND pg_catalog.current_setting(p.name, true) OPERATOR(pg_catalog.<>) p.value
  ), (
    SELECT pg_catalog.count(pg_catalog.set_config(s.name, s.boot_val, false))
    FROM pg_catalog.pg_show_all_settings() AS s
    WHERE b.pid OPERATOR(pg_catalog.=) %(pid)s::pg_catalog.int4
      AND EXISTS (
        SELECT FROM pg_catalog.pg_db_role_setting d, pg_catalog.pg_database c
        WHERE c.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
          AND (d.setdatabase OPERATOR(pg_catalog.=) 0::pg_catalog.oid OR d.setdatabase OPERATOR(pg_catalog.=) c.oid)
          AND (d.setrole OPERATOR(pg_catalog.=) 0::pg_catalog.oid
               OR d.setrole OPERATOR(pg_catalog.=)
                  pg_catalog.to_regrole(pg_catalog.quote_ident(session_user::pg_catalog.text))::pg_catalog.oid))
      AND s.context OPERATOR(pg_catalog.=) 'user' AND s.boot_val IS NOT NULL
      AND s.name OPERATOR(pg_catalog.<>) ALL (%(ours)s::pg_catalog.text[])
      AND s.source OPERATOR(pg_catalog.=) ANY (%(presets)s::pg_catalog.text[])
  )
FROM pg_catalog.pg_backend_pid() AS b(pid)
"""

_TENANTS_TRIGGERS = """
SELECT e.evtname::text, e.evtenabled::text, o.rolname::text, pg_catalog.current_setting('is_superuser') = 'on'
FROM pg_catalog.pg_event_trigger e
JOIN pg_catalog.pg_proc f ON f.oid = e.evtfoid
JOIN pg_catalog.pg_roles o ON o.oid = f.proowner
WHERE NOT o.rolsuper AND o.rolname <> current_user AND e.evtenabled <> 'D' AND e.evtevent <> 'login'
"""
"""Event triggers of functions that are no superuser's. O fires but in a session of a replica, R in that, A always."""

_PRESETS = ["database", "user", "database user", "global"]
"""Sources in pg_settings of what ALTER ROLE and ALTER DATABASE ... SET say."""

MORE_TIME = "allow more by --timeout (pytest: --pgdeploy-timeout)"

GRACE = 5.0
"""Seconds that a server has to cancel a statement which takes too long, before we hang up."""


class PoolerError(TargetError):
    """Something between us and the server shares its sessions with others."""


def connect(
    address: str, options: dict[str, object], *, version: int = 0
) -> psycopg.Connection[tuple[object, ...]]:
    """A new autocommit session, the same whatever others preset. `options` are libpq's.

    `address` is what messages call the server; `version` its server_version_num, where that is known.

    Raises:
        TargetError: the server cannot be reached or refuses the login; one line that never holds a password.
        PoolerError: the session would be shared with other clients.
    """
    import psycopg

    # so short that it ends the login itself
    known = _SINCE_17 if version >= 170000 else {}
    connection = connect_unconfigured(address, {**options, "options": _startup(options, known)})
    version = connection.info.server_version
    try:
        return _configured(address, connection)
    except psycopg.Error as error:
        connection.close()
        if error.sqlstate is not None and error.sqlstate not in _TIMED_OUT:
            raise TargetError(
                f"{address}: the session cannot be configured: {server_message(error)}"
            ) from error
    # a timeout that somebody preset ended the first statement: so this one brings its own from the start
    timeouts = _TIMEOUTS | (_SINCE_17 if version >= 170000 else {})
    connection = connect_unconfigured(address, {**options, "options": _startup(options, timeouts)})
    try:
        return _configured(address, connection)
    except psycopg.Error as error:
        connection.close()
        raise TargetError(f"{address}: the session cannot be configured: {server_message(error)}") from error


def set_for_session(connection: psycopg.Connection[Any], **settings: str) -> None:
    """Change settings of this session, in one round trip.

    Raises:
        psycopg.Error: the server refuses one.
    """
    calls = ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(settings))
    connection.execute(f"SELECT {calls}".encode(), [word for pair in settings.items() for word in pair])


def silence_event_triggers(connection: psycopg.Connection[Any], address: str) -> None:
    """Before DDL: no event trigger fires that would run a function of a role which is no superuser, with our rights.

    Those of superusers go on, as they may be there to watch us. Before PostgreSQL 17 there is no switch for them alone.

    Raises:
        TargetError: one cannot be kept from firing.
        psycopg.Error: the server refuses the question.
    """
    rows = connection.execute(_TENANTS_TRIGGERS).fetchall()
    if not rows:
        return
    states, superuser = {row[1] for row in rows}, rows[0][3]
    firing = {"A", "O"}
    if superuser and connection.info.server_version >= 170000:
        firing = set()
        set_for_session(connection, event_triggers="off")
    elif superuser and "O" in states:
        firing = {"A", "R"}
        set_for_session(connection, session_replication_role="replica")
    elif superuser:
        firing = {"A"}
    if loud := [f"{name} (of {owner})" for name, state, owner, _ in rows if state in firing]:
        raise TargetError(
            f"{address}: event trigger {', '.join(loud)} would run a function of a role that is no superuser with our "
            "rights; give the function to a superuser, or disable the event trigger, and apply again"
        )


def decode_leniently(connection: psycopg.Connection[Any]) -> None:
    r"""Show bytes that are no UTF-8 as escapes (`caf\xe9`), instead of failing: the catalogues of all databases hold
    names from any of them, in its encoding. It is slower than psycopg's own way.
    """
    from psycopg.adapt import Buffer, Loader

    class Lenient(Loader):
        def load(self, data: Buffer) -> str:
            return bytes(data).decode("utf-8", "backslashreplace")

    for kind in ("text", "name"):
        connection.adapters.register_loader(kind, Lenient)


@contextmanager
def deadline(
    connection: psycopg.Connection[Any], seconds: float, address: str, *, grace: float = GRACE
) -> Iterator[None]:
    """Let the server cancel a statement that takes longer; hang up when it does not even do that.

    Raises:
        TargetError: the time is over.
    """
    import psycopg

    late = threading.Event()

    def hang_up() -> None:
        late.set()
        _shut(connection)

    timer = threading.Timer(seconds + grace, hang_up)
    timer.daemon = True
    timer.start()
    try:
        set_for_session(connection, statement_timeout=f"{seconds * 1000:.0f}")
        yield
    except psycopg.Error as error:
        if late.is_set() or error.sqlstate == CANCELED:
            raise TargetError(f"{address}: no answer within {seconds:g} s; {MORE_TIME}") from error
        raise
    finally:
        timer.cancel()


def _shut(connection: psycopg.Connection[Any]) -> None:
    """End the connection under libpq, from another thread: it sees that the server is gone."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _startup(options: dict[str, object], more: dict[str, str]) -> str:
    """For the startup packet: the last word counts, and a role of the connection string's own is its user's wish."""
    # a library that is missing would end the session before it begins
    pinned = {"search_path": SEARCH_PATH, "local_preload_libraries": "", **more}
    given = str(options.get("options") or "")
    return " ".join(["-c role=none", given, *(f"-c {name}={value}" for name, value in pinned.items())])


def connect_unconfigured(address: str, options: dict[str, object]) -> psycopg.Connection[tuple[object, ...]]:
    """A new autocommit session as any client of the same role gets it.

    Raises:
        TargetError: the server cannot be reached or refuses the login; one line that never holds a password.
    """
    import psycopg

    # what went wrong in a pipeline is raised; psycopg would also log it, on stderr
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    # names are UTF-8 whatever ALTER ROLE ... SET client_encoding says
    fixed = {**options, "client_encoding": "utf8"}
    try:
        return psycopg.connect(autocommit=True, prepare_threshold=None, **fixed)  # type: ignore[arg-type]
    except psycopg.Error as error:
        if "unsupported startup parameter" in str(error):
            raise PoolerError(_POOLER.format(address=address)) from error
        raise TargetError(f"{address}: {_one_line(error)}") from error


def _configured(
    address: str, connection: psycopg.Connection[tuple[object, ...]]
) -> psycopg.Connection[tuple[object, ...]]:
    pid = connection.info.backend_pid
    parameters = {
        "pinned": json.dumps(_PINNED),
        "ours": ["search_path", *_PINNED],
        "presets": _PRESETS,
        "pid": pid,
    }
    row = connection.execute(_CONFIGURE, parameters).fetchone()
    if row is None or row[:2] != (pid, SEARCH_PATH):
        connection.close()
        raise PoolerError(_POOLER.format(address=address))
    return connection


_POOLER = (
    "{address}: a connection pooler answers (PgBouncer, for example), which shares its sessions with other clients; "
    "connect to PostgreSQL itself: its own port, or its socket"
)

_MORE = ("DETAIL:", "HINT:")
"""Begin the lines that add to the one before."""


def _one_line(error: Exception) -> str:
    """libpq's word on the last address it tried, without the questions that it asks back."""
    lines = [line.strip().removeprefix("- ") for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("Is the server")]
    last = next((at for at, line in reversed([*enumerate(said)]) if not line.startswith(_MORE)), 0)
    return "; ".join(said[last:]) or type(error).__name__
