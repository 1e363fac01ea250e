"""Restoring a cluster that pgBackRest backed up: in place, into a folder of its host, or one database of it.

In place the old data directory is kept until a person removes it. What fails, or was cut short, brings it back.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.dump import label_of, take
from pgdeploy.layers.backup.opened import opened
from pgdeploy.layers.backup.pgbackrest.archived import archived_now
from pgdeploy.layers.backup.pgbackrest.host import ask
from pgdeploy.layers.host.layout import Layout
from pgdeploy.lifecycle.restore import places, restore
from pgdeploy.lifecycle.scratch_cluster import asking, scratch_cluster
from pgdeploy.local.scratch import scratch_folder
from pgdeploy.model.backup import DumpSpec, RepositorySpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.pgbackrest.contents import Backup
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
    from pgdeploy.lifecycle.restore import Place
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore in place left."""

    kept: str | None
    """Where the old data directory is."""
    timeline: int


def in_place(
    spec: Spec,
    section: PgbackrestSpec,
    server: Server,
    backup: Backup,
    recovery: RecoveryTarget,
    *,
    overwrite: bool,
) -> Restored:
    """The server stops, and runs again with what was restored.

    Raises:
        TargetError: it is impossible, and nothing was changed; or it failed, and the old data directory is back.
    """
    question = {
        **asking(spec, section, backup, recovery),
        "stamp": label_of(time.time()),
        "overwrite": overwrite,
        "logs": [Layout(spec).log_directory, "/var/log/postgresql"],
    }
    answer = ask(server, "restore", question)
    return Restored(answer["kept"], answer["timeline"])


def into_folder(
    spec: Spec, section: PgbackrestSpec, server: Server, backup: Backup, recovery: RecoveryTarget, folder: str
) -> None:
    """The data directory of a server that nobody started, in a new folder of the host.

    Raises:
        TargetError: the folder exists, has no room, or the restore failed.
    """
    question = {**asking(spec, section, backup, recovery), "act": "into", "folder": folder}
    if failed := ask(server, "scratch", question)["failed"]:
        raise TargetError(failed)


def databases(
    target: Target,
    section: PgbackrestSpec,
    server: Server,
    backup: Backup,
    recovery: RecoveryTarget,
    names: list[str],
    rename: str | None,
    note: Callable[[str], None],
) -> list[Place]:
    """Databases of the cluster as they were, beside or in place of those of the running server: dumped from a copy.

    Raises:
        TargetError: the backup has none of this name, or it could not be restored; then what is there stays in use.
    """
    archived_now(server, note)
    note(f"restoring {backup.label} into a copy, up to {recovery}")
    with scratch_folder("dump") as folder:
        dumping = DumpSpec(
            repository=RepositorySpec(path=str(folder)),
            databases=tuple(names),
            jobs=section.jobs,
            invariants=section.invariants,
        )
        with scratch_cluster(target.spec, section, server, backup, recovery) as copy:
            made = take(target.name, target.spec, dumping, copy, note)
        chosen = places(server, made, names, rename, time.time())
        with opened(made, dumping) as plain:
            restore(made, plain, dumping, server, chosen, note)
    return chosen


def standbys(server: Server) -> list[str]:
    """Names of the servers that follow this one; none where it does not answer."""
    query = "SELECT application_name FROM pg_catalog.pg_stat_replication ORDER BY 1"
    try:
        with closing(server.open()) as connection:
            return [str(name) for (name,) in connection.execute(query).fetchall()]
    except TargetError:
        return []
