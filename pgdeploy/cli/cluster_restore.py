"""What `pgdeploy restore` does where pgBackRest made the backups: it says what it is about to do, asks, and does it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from pgdeploy.cli.findings import ask_and_print
from pgdeploy.cli.output import ERROR, OK, confirmed, note, say

if TYPE_CHECKING:
    from pathlib import Path

    from pgdeploy.gate.gate import Gate
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.manifest import Record
    from pgdeploy.layers.backup.pgbackrest.contents import Backup
    from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
    from pgdeploy.model.pgbackrest import PgbackrestSpec


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of the command."""

    label: str | None
    before: float | None
    lsn: str | None
    point: str | None
    xid: str | None
    timeline: str | None
    databases: tuple[str, ...]
    rename: str | None
    into: Path | None
    overwrite: bool
    dry_run: bool
    no_backup: bool
    yes: bool

    def recovery(self) -> RecoveryTarget:
        """Where recovery ends. Raises BadParameter: two ends are named, or a folder that may be anywhere."""
        from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget

        if self.into is not None and not self.into.is_absolute():
            raise typer.BadParameter("--into names a folder of the host here: write it from / on")
        line = self.timeline or ""
        named = [
            RecoveryTarget(kind, value, timeline=line)
            for kind, value in (("lsn", self.lsn), ("name", self.point), ("xid", self.xid))
            if value is not None
        ]
        if self.before is not None:
            named.append(RecoveryTarget.at(self.before, line))
        if len(named) > 1:
            raise typer.BadParameter(
                "--time, --lsn, --point and --xid each say where recovery ends: write one of them"
            )
        return named[0] if named else RecoveryTarget(timeline=line)


def restore_cluster(target: Target, section: PgbackrestSpec, gate: Gate, wanted: Wanted) -> int:
    """Restore as wanted; gives the exit code."""
    from pgdeploy.layers.backup.pgbackrest.operate import chosen
    from pgdeploy.layers.backup.pgbackrest.read import read

    recovery = wanted.recovery()
    contents = read(target.spec, section, gate.server)
    backup = chosen(contents, section, wanted.label, recovery)
    say(*_of_backup(backup, recovery, contents.records), _of_place(target, wanted))
    if wanted.dry_run:
        return OK
    if wanted.into is not None:
        return _into(target, section, gate, backup, recovery, wanted.into)
    noun, number = ("database", len(wanted.databases)) if wanted.databases else ("cluster", 1)
    if not wanted.yes and not confirmed("Restore", noun, number):
        return ERROR
    if wanted.databases:
        return _databases(target, section, gate, backup, recovery, wanted)
    return _in_place(target, section, gate, backup, recovery, wanted)


def _of_backup(backup: Backup, recovery: RecoveryTarget, records: tuple[Record, ...]) -> list[str]:
    from pgdeploy.cli.cluster_backup import line_of
    from pgdeploy.layers.backup.manifest import tried

    hours = max(0.0, time.time() - backup.ended) / 3600
    age = f"  {hours:.1f} hours old; WAL is replayed up to {recovery}"
    return [line_of(backup), age, f"  {tried(backup.label, records)}"]


def _of_place(target: Target, wanted: Wanted) -> str:
    from pgdeploy.layers.host.layout import Layout

    data = Layout(target.spec).data_directory
    if wanted.into is not None:
        return f"  all of it, into the new folder {wanted.into} of the host"
    if wanted.databases:
        return f"  of it {', '.join(wanted.databases)}, through a copy; what a database replaces is kept"
    if wanted.overwrite:
        return f"  the server stops, and {data} is written over: what is there now is lost"
    return f"  the server stops; {data} is kept under another name"


def _into(
    target: Target,
    section: PgbackrestSpec,
    gate: Gate,
    backup: Backup,
    recovery: RecoveryTarget,
    folder: Path,
) -> int:
    from pgdeploy.lifecycle.restore_cluster import into_folder

    started = time.monotonic()
    into_folder(target.spec, section, gate.server, backup, recovery, str(folder))
    say(
        f"restored in {time.monotonic() - started:.1f}s into {folder}/data; a server that is started on it recovers"
    )
    return OK


def _databases(
    target: Target,
    section: PgbackrestSpec,
    gate: Gate,
    backup: Backup,
    recovery: RecoveryTarget,
    wanted: Wanted,
) -> int:
    from pgdeploy.lifecycle.restore_cluster import databases

    started, names = time.monotonic(), list(wanted.databases)
    places = databases(target, section, gate.server, backup, recovery, names, wanted.rename, note)
    say(f"restored in {time.monotonic() - started:.1f}s")
    for one in places:
        if one.kept_as is not None:
            say(f"  the old {one.database} is kept as {one.kept_as}")
    if wanted.rename is not None:
        return OK
    gate.ask_databases(names)
    return ask_and_print(gate)


def _in_place(
    target: Target,
    section: PgbackrestSpec,
    gate: Gate,
    backup: Backup,
    recovery: RecoveryTarget,
    wanted: Wanted,
) -> int:
    from pgdeploy.layers import SERVER
    from pgdeploy.layers.backup.pgbackrest.operate import make
    from pgdeploy.lifecycle.restore_cluster import in_place, standbys

    followers = standbys(gate.server)
    started = time.monotonic()
    done = in_place(target.spec, section, gate.server, backup, recovery, overwrite=wanted.overwrite)
    say(f"restored in {time.monotonic() - started:.1f}s; the server runs, on timeline {done.timeline}")
    if done.kept is not None:
        say(
            f"  the old data directory is kept as {done.kept}: remove it when nothing of it is needed any more"
        )
    for one in followers:
        say(f"  standby {one} followed the old timeline: make it anew")
    gate.ask_layer(SERVER.name)
    code = ask_and_print(gate)
    if not wanted.no_backup:
        for made in make(target.spec, section, gate.server, "full", note, expire=False):
            say(f"new backup: {made.label}")
    return code
