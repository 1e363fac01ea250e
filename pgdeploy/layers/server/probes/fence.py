"""What keeps event triggers from running in a session that makes something: their functions belong to anybody.

A superuser switches them off: for the transaction by `event_triggers` (17), before that by the role of a replica,
which leaves those that are enabled for replicas or always. Where they cannot be kept off, nothing is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.core.facts import Facts

_SWITCH_SINCE = 17
_GRANTS_SINCE = 15


@dataclass(frozen=True, slots=True)
class Fence:
    """Statements that begin a transaction in which something is made; `obstacle`: why nothing may be."""

    statements: tuple[str, ...] = ()
    obstacle: str = ""


def fence(connection: psycopg.Connection[Any], facts: Facts) -> Fence:
    """How to make something here without running an event trigger."""
    if facts.about.standby:
        return Fence(obstacle="this server is a standby: nothing can be made on it to try")
    setting, off = (
        ("event_triggers", "off")
        if facts.about.major >= _SWITCH_SINCE
        else ("session_replication_role", "replica")
    )
    may_set = facts.about.superuser or _may_set(connection, facts, setting)
    left = [row[0] for row in connection.execute(sql("event_triggers")) if _fires(row[1], setting, may_set)]
    if left:
        why = f"event trigger {listing(map(quoted_name, left))} would run in our session"
        return Fence(obstacle=f"{why}, and {facts.about.user} cannot switch it off")
    return Fence((f"SET LOCAL {setting} = {off}",) if may_set else ())


def _may_set(connection: psycopg.Connection[Any], facts: Facts, setting: str) -> bool:
    if facts.about.major < _GRANTS_SINCE:
        return False
    query = "SELECT pg_catalog.has_parameter_privilege(%s, 'SET')"
    return bool(connection.execute(query, [setting]).fetchone()[0])  # type: ignore[index]


def _fires(enabled: str, setting: str, may_set: bool) -> bool:
    """Whether one that is enabled so fires all the same: O for the origin, R for a replica, A always."""
    return not may_set or (setting == "session_replication_role" and enabled in "RA")
