"""Maintenance: users stay out while a release changes the server. What it changes is in the journal before it is done.

With `roles:` the applications' roles get the connection limit 0, and their sessions end. With `pgbouncer:` it pauses:
clients keep their connections and wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from select import select
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.gate.target import with_spec
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.reach.dsn import REQUIRE_AUTH
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.secret import conninfo
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.text.naming import quoted_name
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.gate.target import Target
    from pgdeploy.lifecycle.release.journal import Journal
    from pgdeploy.model.release import MaintenanceSpec, PgbouncerSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_LIMITS = "SELECT rolname::text, rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = ANY (%s) ORDER BY 1"
_BUSY = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
WHERE usename = ANY (%s) AND state <> 'idle' AND pid <> pg_catalog.pg_backend_pid()
"""
_END = """
SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity
WHERE usename = ANY (%s) AND pid <> pg_catalog.pg_backend_pid()
"""
_LEFT = """
SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity
WHERE usename = ANY (%s) AND pid <> pg_catalog.pg_backend_pid()
"""
_GONE_WITHIN = 10.0
"""Seconds in which a session that is ended has ended."""
_NOT_PAUSED = "not paused"
"""What PgBouncer says to a RESUME of what was not paused."""


def begin(section: MaintenanceSpec, server: Server, journal: Journal, inherited: Mapping[str, int]) -> float:
    """Users are out when this returns; gives since when, on the monotonic clock.

    `inherited` are limits that an earlier release has not given back.

    Raises:
        TargetError: it cannot be; what was begun of it stands in the journal.
    """
    if section.pgbouncer is not None:
        journal.announce("maintenance", limits={}, paused=True)
        since = time.monotonic()
        _pause(section.pgbouncer, seconds_of(section.patience))
        return since
    with as_target_error(server.address), closing(server.open()) as connection:
        if (ours := str(connection.info.user)) in section.roles:
            raise TargetError(
                f"release.maintenance.roles has {quoted_name(ours)}, which is who we are: we could not come back"
            )
        limits = _limits(connection, section.roles)
        journal.announce("maintenance", limits={**limits, **inherited}, paused=False)
        since = time.monotonic()
        for role in limits:
            _limit(connection, role, 0)
        _end_sessions(connection, section.roles, seconds_of(section.patience))
        return since


def lift(spec: Spec, server: Server, journal: Journal) -> float:
    """Users are back when this returns: each role has the limit that the spec says, or that it had before. Gives since
    when, on the monotonic clock.

    Raises:
        TargetError: a role or PgBouncer cannot be reached.
    """
    if not journal.in_maintenance:
        return time.monotonic()
    section = spec.release.maintenance if spec.release is not None else None
    if journal.paused:
        if section is None or section.pgbouncer is None:
            raise TargetError(
                f"release {journal.id} paused a PgBouncer that the spec does not name any more: RESUME it, and write "
                "it into release: maintenance: until that is done"
            )
        _resume(section.pgbouncer)
    with as_target_error(server.address), closing(server.open()) as connection:
        for role in _limits(connection, list(journal.limits)):
            declared = spec.roles[role].connection_limit if role in spec.roles else None
            _limit(connection, role, journal.limits[role] if declared is None else declared)
    since = time.monotonic()
    journal.report("maintenance off")
    return since


def in_maintenance(target: Target, roles: Sequence[str]) -> Target:
    """The same target as it is meanwhile: these roles have the limit 0, and nobody tries their passwords by a login."""
    changed = {
        role: body.model_copy(update={"connection_limit": 0, "password": None}) if role in roles else body
        for role, body in target.spec.roles.items()
    }
    spec = target.spec.model_copy(update={"roles": FrozenMap(changed)})
    return with_spec(target, spec)


def _limits(connection: psycopg.Connection[Any], roles: Sequence[str]) -> dict[str, int]:
    """Of those of these roles that there are."""
    rows = connection.execute(_LIMITS, [list(roles)]).fetchall()
    return {str(role): int(limit) for role, limit in rows}


def _limit(connection: psycopg.Connection[Any], role: str, limit: int) -> None:
    from psycopg import sql

    connection.execute(
        sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(sql.Identifier(role), sql.Literal(limit))
    )


def _end_sessions(connection: psycopg.Connection[Any], roles: Sequence[str], patience: float) -> None:
    """Those that do nothing end when all the others have come to the end of what they do, or at the latest then."""
    end = time.monotonic() + patience
    while time.monotonic() < end and _number(connection, _BUSY, roles):
        time.sleep(0.05)
    end = time.monotonic() + _GONE_WITHIN
    _number(connection, _END, roles)
    while left := _number(connection, _LEFT, roles):
        if time.monotonic() > end:
            raise TargetError(
                f"sessions of {', '.join(map(quoted_name, roles))} did not end: {left} are left"
            )
        time.sleep(0.05)


def _number(connection: psycopg.Connection[Any], query: str, roles: Sequence[str]) -> int:
    row = connection.execute(query.encode(), [list(roles)]).fetchone()
    return int(row[0]) if row is not None else 0


# -- PgBouncer -----------------------------------------------------------------------------------------


def _pause(section: PgbouncerSpec, patience: float) -> None:
    end = time.monotonic() + patience
    with _console(section) as console:
        for name in section.databases:
            if not _said_within(console, _command("PAUSE", name), end):
                console.close()
                _resume(section)
                raise TargetError(
                    f"PgBouncer did not pause {quoted_name(name)} within {patience:g}s: a transaction takes longer "
                    "(SHOW SERVERS on its console shows which); `patience:` allows more"
                )


def _resume(section: PgbouncerSpec) -> None:
    import psycopg

    with _console(section) as console:
        for name in section.databases:
            try:
                console.execute(_command("RESUME", name))
            except psycopg.Error as error:
                if _NOT_PAUSED not in str(error):
                    raise


def _command(word: str, name: str) -> bytes:
    from psycopg import sql

    return sql.SQL("{} {}").format(sql.SQL(word), sql.Identifier(name)).as_bytes(None)


def _said_within(console: psycopg.Connection[Any], command: bytes, end: float) -> bool:
    """Whether it was done in time. Nobody answers a PAUSE before the last transaction has ended, nor a cancel of it.

    Raises:
        psycopg.Error: it is refused.
    """
    import psycopg

    console.pgconn.send_query(command)
    while console.pgconn.is_busy():
        if not select([console.pgconn.socket], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        console.pgconn.consume_input()
    while (result := console.pgconn.get_result()) is not None:
        if result.error_message:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
    return True


@contextmanager
def _console(section: PgbouncerSpec) -> Iterator[psycopg.Connection[Any]]:
    """It knows a few words alone, and those only as simple queries."""
    import psycopg

    way: dict[str, Any] = {
        "require_auth": REQUIRE_AUTH,
        "connect_timeout": 10,
        **conninfo.options(section.dsn),
    }
    if section.password is not None:
        way["password"] = section.password.read().reveal()
    try:
        with closing(psycopg.connect(autocommit=True, **way)) as console:
            yield console
    except psycopg.Error as error:
        said = one_line(str(error).strip().splitlines()[0])
        raise TargetError(f"PgBouncer at {_where(section)}: {said}") from None


def _where(section: PgbouncerSpec) -> str:
    known = conninfo.options(section.dsn)
    return f"{known.get('host', 'localhost')}:{known.get('port', 5432)}"
