"""One bulk read of what a host and its server say of the backups."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.backup.pgbackrest.contents import Archiver, Contents
from pgdeploy.layers.backup.pgbackrest.host import ask, gathering

if TYPE_CHECKING:
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_ARCHIVER = """
SELECT pg_catalog.current_setting('archive_mode'), coalesce(last_archived_wal, ''),
  extract(epoch FROM pg_catalog.clock_timestamp() - last_archived_time)::float8, coalesce(last_failed_wal, ''),
  extract(epoch FROM pg_catalog.clock_timestamp() - last_failed_time)::float8
FROM pg_catalog.pg_stat_archiver
"""


def read(spec: Spec, section: PgbackrestSpec, server: Server) -> Contents:
    """What is there now.

    Raises:
        TargetError: the host is out of reach.
    """
    # first the server: what it takes for archived by now must be in the repository afterwards
    archiver = _archiver(server)
    return Contents(ask(server, "gather", gathering(spec, section)), archiver, section.trusted)


def _archiver(server: Server) -> Archiver | Unreadable:
    try:
        with closing(server.open()) as connection:
            row = connection.execute(_ARCHIVER).fetchone()
    except TargetError as error:
        return Unreadable(str(error))
    if row is None:
        return Unreadable("pg_stat_archiver has no row")
    mode, last, archived, failed, ago = row
    return Archiver(
        str(mode),
        str(last),
        None if archived is None else float(str(archived)),
        str(failed),
        None if ago is None else float(str(ago)),
    )
