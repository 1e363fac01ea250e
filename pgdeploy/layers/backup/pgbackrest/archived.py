"""WAL up to this moment, in the repositories: what a restore of now needs."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.reach.server import Server

PATIENCE = 90
"""Seconds until a file of WAL must be archived."""

_POINT = "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_create_restore_point(%s))"
_ARCHIVED = "SELECT coalesce(last_archived_wal, '') >= %s FROM pg_catalog.pg_stat_archiver"


def archived_now(server: Server, note: Callable[[str], None]) -> RecoveryTarget:
    """A restore point that was written now, and is archived.

    Raises:
        TargetError: the server does not answer, or WAL does not reach the repositories.
    """
    name = f"pgdeploy {label_of(time.time())}"
    with closing(server.open()) as connection:
        row = connection.execute(_POINT, [name]).fetchone()
        segment = str(row[0]) if row is not None else ""
        connection.execute("SELECT pg_catalog.pg_switch_wal()")
        note(f"waiting for {segment} to be archived")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if (found := connection.execute(_ARCHIVED, [segment]).fetchone()) is not None and found[0]:
                return RecoveryTarget("name", name)
            time.sleep(0.2)
    raise TargetError(f"WAL file {segment} was not archived within {PATIENCE}s: pgdeploy check says why")
