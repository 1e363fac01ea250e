"""Restoring databases of a backup on a running server, without destroying what is there.

Each database is restored beside the one that it replaces, under a name of its own, and the invariants of the spec are
asked of it. Then one transaction swaps the names: the old database is kept as `NAME_before_TIME` until a person drops
it. The new one lets nobody in before it has its own grants and settings.

A kill before the swap leaves the old database in use, and the next restore drops what there is of the new one. A kill
between the swap and the grants leaves the new one closed: `pgdeploy apply` opens it, as the spec says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.invariant import broken
from pgdeploy.layers.backup.opened import opened
from pgdeploy.layers.backup.restore import APPLICATION, Restorer
from pgdeploy.layers.server.guard import alone
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from pgdeploy.layers.backup.manifest import Manifest
    from pgdeploy.model.backup import DumpSpec
    from pgdeploy.reach.server import Server

_LONGEST = 63
"""Bytes of a name."""
_UNFINISHED = "_pgdeploy_restoring"
_MARK = 9715
"""Its limit of connections until the swap, by which the next restore knows it: no kill can come between the two."""
_SWAPS = 10
_IN_USE = "55006"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database of the backup goes: its name there, and the name that the one that has it now is kept under."""

    database: str
    name: str
    kept_as: str | None
    size: int | None = None
    """Bytes of the database that is there now."""


def places(
    server: Server, backup: Manifest, databases: Sequence[str], rename: str | None, now: float
) -> list[Place]:
    """What a restore of these databases would do.

    Raises:
        TargetError: the backup has no such database, or the new name is taken.
    """
    for name in databases:
        if name not in backup.databases:
            known = ", ".join(map(quoted_name, backup.databases))
            raise TargetError(f"backup {backup.label} has no database {quoted_name(name)}; it has {known}")
    with closing(server.open(application_name=APPLICATION)) as connection:
        sizes = _sizes(connection)
    if rename is not None:
        if rename in sizes:
            raise TargetError(f"database {quoted_name(rename)} exists; name one that does not")
        return [Place(databases[0], rename, None)]
    names = databases or tuple(backup.databases)
    if MAINTENANCE in names:
        raise TargetError(
            f"database {MAINTENANCE} cannot be replaced, as each restore is made from there: restore it beside with "
            f"--database {MAINTENANCE} --as NAME, or leave it out by naming others"
        )
    end = f"_before_{label_of(now).lower()}"
    return [
        Place(name, name, _joined(name, end) if name in sizes else None, sizes.get(name)) for name in names
    ]


def restore(
    backup: Manifest,
    folder: Path,
    section: DumpSpec,
    server: Server,
    chosen: Sequence[Place],
    note: Callable[[str], None],
) -> None:
    """Restore databases; one after the other, each whole or not at all.

    Raises:
        TargetError: a database could not be restored, or breaks an invariant: then the one that is there stays in use.
        ApplyError: another pgdeploy is changing this server.
    """
    with alone(server) as guard, as_target_error(server.address), guard.session() as connection:
        restorer = Restorer(backup, folder, connection, section.jobs)
        roles = [
            name for (name,) in connection.execute("SELECT rolname::text FROM pg_catalog.pg_roles").fetchall()
        ]
        restorer.create_roles(restorer.missing_roles(roles))
        done: list[str] = []
        for place in chosen:
            note(f"restoring {quoted_name(place.database)}")
            try:
                _beside(backup, restorer, section, server, connection, place)
            except TargetError as error:
                raise TargetError(*error.lines, *done) from None
            done.append(f"restored before that: {quoted_name(place.name)}")


def _beside(
    backup: Manifest,
    restorer: Restorer,
    section: DumpSpec,
    server: Server,
    connection: psycopg.Connection[Any],
    place: Place,
) -> None:
    from psycopg import sql

    made = _joined(place.name, _UNFINISHED)
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made))
    if _is_ours(connection, made):
        connection.execute(drop)
    create = backup.databases[place.database].statement(made, restorer.major)
    connection.execute(sql.SQL("{} CONNECTION LIMIT {}").format(create, _MARK))
    try:
        restorer.fill(place.database, made)
        with closing(server.open(made, application_name=APPLICATION)) as session:
            wrong = list(broken(section.invariants.get(place.database, ()), session))
        if wrong:
            raise TargetError(
                f"database {quoted_name(place.database)} was not replaced: the backup breaks what the spec says of "
                f"it: {'; '.join(wrong)}"
            )
    except TargetError:
        connection.execute(drop)
        raise
    _swap(connection, place, made)
    if place.name == place.database:
        restorer.properties(place.database)
    opened_again = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(place.name))
    connection.execute(opened_again)


def _is_ours(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether a restore that was killed left a database of this name.

    Raises:
        TargetError: there is one, and no restore made it.
    """
    query = "SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = %s"
    limits = [limit for (limit,) in connection.execute(query, [name]).fetchall()]
    if limits and limits != [_MARK]:
        raise TargetError(
            f"database {quoted_name(name)} exists, and no restore left it there; rename it, as a restore needs its name"
        )
    return bool(limits)


def _swap(connection: psycopg.Connection[Any], place: Place, made: str) -> None:
    """In one message, and so in one transaction. Clients of the old database are disconnected, and may come back."""
    import psycopg
    from psycopg import sql

    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    closed = "ALTER DATABASE {} CONNECTION LIMIT -1 ALLOW_CONNECTIONS false"
    unmark = sql.SQL(closed).format(sql.Identifier(made))
    statements = [unmark, rename.format(sql.Identifier(made), sql.Identifier(place.name))]
    if place.kept_as is not None:
        old = sql.Identifier(place.name)
        end = sql.SQL(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
            "WHERE datname = {} AND pid <> pg_catalog.pg_backend_pid()"
        ).format(sql.Literal(place.name))
        statements = [end, rename.format(old, sql.Identifier(place.kept_as)), *statements]
    swap = sql.SQL("; ").join(statements)
    for left in reversed(range(_SWAPS)):
        try:
            connection.execute(swap, prepare=False)
        except psycopg.Error as error:
            # somebody was quicker, between their end and the lock of the name
            if error.sqlstate != _IN_USE or not left:
                raise
        else:
            return


def _sizes(connection: psycopg.Connection[Any]) -> dict[str, int | None]:
    """Of all databases in bytes; None of one that this login may not connect to."""
    rows = connection.execute(
        "SELECT datname::text, CASE WHEN pg_catalog.has_database_privilege(oid, 'CONNECT') "
        "THEN pg_catalog.pg_database_size(oid) END FROM pg_catalog.pg_database"
    ).fetchall()
    return dict(rows)


def _joined(name: str, end: str) -> str:
    """Both, as long as a name may be."""
    return name.encode()[: _LONGEST - len(end)].decode(errors="ignore") + end


def moment(text: str) -> float:
    """Seconds since 1970 of a time with its zone: `2026-01-15 14:30:00+00`.

    Raises:
        ValueError: it is no time, or has no zone.
    """
    from datetime import datetime

    if not re.search(r"(?:Z|[+-]\d\d(?::?\d\d)?)$", text.strip()):
        raise ValueError(f"read {text!r}; allowed: a time with its zone, as 2026-01-15 14:30:00+00")
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"read {text!r}; allowed: a time with its zone, as 2026-01-15 14:30:00+00") from None
    return found.timestamp()


def into_new(folder: Path, bin_dir: Path | None, backup: Manifest, section: DumpSpec) -> Path:
    """The data directory of a new server, which is stopped, with all of a backup in it.

    Raises:
        TargetError: the folder is not empty, no server can be made, or something could not be restored.
    """
    from pgdeploy.reach.embedded import Cluster
    from pgdeploy.reach.programs import scratch_bin

    if folder.exists() and any(folder.iterdir()):
        raise TargetError(f"{folder} is not empty; name a folder that does not exist")
    server = Cluster(folder.absolute(), scratch_bin(backup.major, bin_dir))
    with opened(backup, section) as plain:
        server.start()
        try:
            with closing(server.open(application_name=APPLICATION)) as connection:
                Restorer(backup, plain, connection, section.jobs).everything()
        finally:
            server.stop()
    return server.data
