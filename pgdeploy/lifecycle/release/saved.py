"""The backup that a release makes before it changes anything, and its restore."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate

Note = Callable[[str], None]

_THERE = "SELECT datname::text FROM pg_catalog.pg_database"


class Saved(NamedTuple):
    """A backup, and where recovery from it ends: a restore point, which pg_dump has none of."""

    label: str
    point: str = ""


def save(gate: Gate, section: Any, note: Note) -> Saved | None:
    """A new backup of all as it is now; with pgbackrest WAL up to a restore point, too. None: there is nothing yet.

    Raises:
        TargetError: none could be made.
    """
    target = gate.target
    if section.engine == "pg_dump":
        return _dump(gate, section, note)
    from pgdeploy.layers.backup.pgbackrest.archived import archived_now
    from pgdeploy.layers.backup.pgbackrest.operate import make

    made = make(target.spec, section, gate.server, "incr", note)
    return Saved(made[0].label, archived_now(gate.server, note).value)


def _dump(gate: Gate, section: Any, note: Note) -> Saved | None:
    """Of the databases that there are: the release may be the one that makes the others."""
    from pgdeploy.layers.backup.dump import databases_of, take

    with closing(gate.server.open()) as connection:
        there = {name for (name,) in connection.execute(_THERE).fetchall()}
    names = tuple(name for name in databases_of(gate.target.spec, section) if name in there)
    if not names:
        return None
    existing = section.model_copy(update={"databases": names})
    return Saved(take(gate.target.name, gate.target.spec, existing, gate.server, note).label)


def newest(gate: Gate, section: Any) -> tuple[Saved, float]:
    """The newest backup, and when it was made: seconds since 1970. Raises TargetError: there is none."""
    if section.engine == "pg_dump":
        from pgdeploy.layers.backup.repository import Repository

        one = Repository(section.repository.path).chosen()
        return Saved(one.label), one.started
    from pgdeploy.layers.backup.pgbackrest.operate import chosen
    from pgdeploy.layers.backup.pgbackrest.read import read
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget

    of_cluster = chosen(read(gate.target.spec, section, gate.server), section, None, RecoveryTarget())
    return Saved(of_cluster.label), of_cluster.ended


def proved(gate: Gate, section: Any) -> Saved:
    """The newest backup whose last restore was good.

    Raises:
        TargetError: there is none.
    """
    if section.engine == "pg_dump":
        from pgdeploy.layers.backup.repository import Repository

        contents = Repository(section.repository.path).contents(section.trusted)
        labels, records = [one.label for one in contents.backups], contents.records
    else:
        from pgdeploy.layers.backup.pgbackrest.operate import backups_of
        from pgdeploy.layers.backup.pgbackrest.read import read

        of_cluster = read(gate.target.spec, section, gate.server)
        found, _ = backups_of(of_cluster, section)
        found.sort(key=lambda one: one.ended, reverse=True)
        labels, records = [one.label for one in found], of_cluster.records
    last = {one.label: one for one in reversed(records)}
    for label in labels:
        if label in last and last[label].good:
            return Saved(label)
    raise TargetError(
        f"no backup was proved by a restore; prove one: pgdeploy backup {gate.target.name} prove; or restore one that "
        f"was not: pgdeploy restore {gate.target.name}"
    )


def bring_back(gate: Gate, section: Any, saved: Saved, note: Note) -> list[str]:
    """Restore it in the place of what is there now, which is kept under other names; gives these, as lines.

    Raises:
        TargetError: it could not be restored, and what was there before stays in use.
    """
    if section.engine == "pg_dump":
        return _databases(gate, section, saved, note)
    from pgdeploy.layers.backup.pgbackrest.operate import chosen
    from pgdeploy.layers.backup.pgbackrest.read import read
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
    from pgdeploy.lifecycle.restore_cluster import in_place

    spec, server = gate.target.spec, gate.server
    recovery = RecoveryTarget("name", saved.point) if saved.point else RecoveryTarget()
    backup = chosen(read(spec, section, server), section, saved.label, recovery)
    note(f"restoring {backup.label}, up to {recovery}")
    done = in_place(spec, section, server, backup, recovery, overwrite=False)
    return [f"the old data directory is kept as {done.kept}"] if done.kept is not None else []


def _databases(gate: Gate, section: Any, saved: Saved, note: Note) -> list[str]:
    from pgdeploy.layers.backup.opened import opened
    from pgdeploy.layers.backup.repository import Repository
    from pgdeploy.lifecycle.restore import places, restore

    repository = Repository(section.repository.path)
    backup = repository.chosen(saved.label)
    names = [name for name in backup.databases if name in gate.target.spec.databases and name != "postgres"]
    chosen = places(gate.server, backup, names, None, time.time())
    with opened(backup, section) as folder:
        restore(backup, folder, section, gate.server, chosen, note)
    return [f"the old {one.database} is kept as {one.kept_as}" for one in chosen if one.kept_as is not None]
