"""A copy of a cluster on its host, restored by pgBackRest into a folder of its own, and gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from posixpath import dirname, join
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.pgbackrest.host import ask, of_layout
from pgdeploy.layers.host.layout import Layout
from pgdeploy.postgres.wordlist import split_paths

if TYPE_CHECKING:
    from pgdeploy.layers.backup.pgbackrest.contents import Backup
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_START_WORKERS = ("pg_cron",)
"""Libraries whose workers would do on the copy what they do on the server."""


class NotRestorable(TargetError):
    """The backup could not be restored, or the server on it does not run: a result, and no failure of ours."""


def scratch_folder(spec: Spec, section: PgbackrestSpec) -> str:
    """Where it is: beside the data directory, where there should be room, or where the spec says."""
    return section.scratch or join(dirname(Layout(spec).data_directory), ".pgdeploy-proof")


@contextmanager
def scratch_cluster(
    spec: Spec, section: PgbackrestSpec, server: Server, backup: Backup, recovery: RecoveryTarget
) -> Iterator[Server]:
    """A server on the restored copy, which nobody but we reach.

    Raises:
        NotRestorable: the backup gives no server.
        TargetError: the host is out of reach, has no room, or makes another copy just now.
    """
    folder = scratch_folder(spec, section)
    question = {**asking(spec, section, backup, recovery), "folder": folder, "libraries": _libraries(spec)}
    if failed := ask(server, "scratch", {**question, "act": "start"})["failed"]:
        raise NotRestorable(failed)
    # from here on it is ours: what another run has made we do not stop
    try:
        copy = server.beside(f"{folder}/.s.PGSQL.5432")
        try:
            yield copy
        finally:
            copy.close()
    finally:
        ask(server, "scratch", {**question, "act": "stop"})


def asking(spec: Spec, section: PgbackrestSpec, backup: Backup, recovery: RecoveryTarget) -> dict[str, Any]:
    """What a script on the host is told of a restore."""
    options = [f"--repo={backup.repository}", f"--set={backup.label}", *recovery.options]
    return {**of_layout(spec), "stanza": section.stanza, "size": backup.size, "options": options}


def _libraries(spec: Spec) -> str:
    """What the restored databases may need to be read, without what works by itself."""
    written = spec.settings.get("shared_preload_libraries", "")
    names = written if isinstance(written, tuple) else split_paths(str(written))
    return ",".join(str(name) for name in names if name not in _START_WORKERS)
