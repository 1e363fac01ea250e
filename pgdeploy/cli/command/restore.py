"""`pgdeploy restore`: databases of a backup, on a running server or in a new data directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgdeploy.cli.findings import ask_and_print
from pgdeploy.cli.options import Dsn, Name, NoCommands, On, Specs, SshConfig, Timeout, Yes
from pgdeploy.cli.output import ERROR, OK, confirmed, note, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdeploy.gate.gate import Gate
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.manifest import Manifest, Record
    from pgdeploy.lifecycle.restore import Place
    from pgdeploy.model.backup import DumpSpec


def _moment(text: str) -> float:
    from pgdeploy.lifecycle.restore import moment

    try:
        return moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def restore(
    name: Name,
    label: Annotated[str | None, typer.Option("--label", help="this backup instead of the newest")] = None,
    before: Annotated[
        float | None,
        typer.Option(
            "--time",
            parser=_moment,
            metavar="TIME",
            help="as it was then; with pg_dump the newest backup that began at this time or before it",
        ),
    ] = None,
    lsn: Annotated[
        str | None, typer.Option("--lsn", help="with pgbackrest: as it was at this position of WAL")
    ] = None,
    point: Annotated[
        str | None, typer.Option("--point", help="with pgbackrest: as it was at this restore point")
    ] = None,
    xid: Annotated[
        str | None, typer.Option("--xid", help="with pgbackrest: as it was after this transaction")
    ] = None,
    timeline: Annotated[
        str | None, typer.Option("--timeline", help="with pgbackrest: on this timeline, not on the newest")
    ] = None,
    database: Annotated[
        list[str] | None, typer.Option("--database", help="only this database; may be repeated")
    ] = None,
    rename: Annotated[
        str | None,
        typer.Option("--as", help="with one --database: restore it under this name, and replace nothing"),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="TARGET", help="into the server of another target")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            metavar="DIR",
            help="into a new data directory on this machine, with pgbackrest on the host",
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="with pgbackrest: over the old data directory, which is lost; for want of room",
        ),
    ] = False,
    bin_dir: Annotated[
        Path | None, typer.Option("--bin-dir", help="with --into: the programs of PostgreSQL")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be restored, and change nothing")
    ] = False,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="do not make a new backup of what was restored")
    ] = False,
    yes: Yes = False,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Restore the newest backup of a target, or another one. What it replaces is kept under another name.

    Afterwards the checks of the restored databases are asked. Exit 0: they conform; 2: drift remains; 1: error.
    """
    from pgdeploy.cli.cluster_restore import Wanted, restore_cluster
    from pgdeploy.cli.targets import load_one, open_gate, way_of
    from pgdeploy.layers.backup.repository import Repository
    from pgdeploy.lifecycle.restore import places

    _require_sense(database, rename, to, into, bin_dir, dsn)
    target = load_one(name)
    section = _section(target)
    way = way_of(On.LIVE, dsn, ssh_config, None, None, timeout)
    if section.engine == "pgbackrest":
        if to is not None or bin_dir is not None:
            raise typer.BadParameter(
                "--to and --bin-dir go with pg_dump: pgbackrest restores on the host itself"
            )
        names = tuple(database or ())
        wanted = Wanted(label, before, lsn, point, xid, timeline, names, rename, into, overwrite, dry_run,
                        no_backup, yes)  # fmt: skip
        with open_gate(target, way) as gate:
            raise typer.Exit(restore_cluster(target, section, gate, wanted))
    _refuse_of_cluster({"lsn": lsn, "point": point, "xid": xid, "timeline": timeline, "overwrite": overwrite})
    repository = Repository(section.repository.path)
    backup = repository.chosen(label, before)
    say(*_of_backup(backup, repository.contents(section.trusted).records))
    if into is not None:
        raise typer.Exit(_into(into, bin_dir, backup, section, dry_run=dry_run))
    with open_gate(to or target, way) as gate:
        chosen = places(gate.server, backup, database or (), rename, time.time())
        say(*map(_line, chosen))
        if dry_run:
            raise typer.Exit(OK)
        if not yes and not confirmed("Restore", "database", len(chosen)):
            raise typer.Exit(ERROR)
        code = _restore(gate, backup, section, chosen)
        if rename is None and to is None and not no_backup:
            _back_up(gate, target, section)
    raise typer.Exit(code)


def _require_sense(
    databases: list[str] | None,
    rename: str | None,
    to: str | None,
    into: Path | None,
    bin_dir: Path | None,
    dsn: str | None,
) -> None:
    if rename is not None and len(databases or ()) != 1:
        raise typer.BadParameter("--as goes with one --database")
    if into is not None and (databases or to or dsn):
        raise typer.BadParameter(
            "--into restores the whole backup here: it goes without --database, --to and --dsn"
        )
    if bin_dir is not None and into is None:
        raise typer.BadParameter("--bin-dir goes with --into")
    if to is not None and dsn is not None:
        raise typer.BadParameter("--to names a server, and so does --dsn: write one of them")


def _refuse_of_cluster(options: Mapping[str, object]) -> None:
    """A dump is of one moment: nothing is replayed on it."""
    for name, value in options.items():
        if value:
            raise typer.BadParameter(f"--{name} goes with engine pgbackrest, and this spec's is pg_dump")


def _section(target: Target) -> Any:
    from pgdeploy.errors import TargetError
    from pgdeploy.layers import layer_of

    section = layer_of("backup").of(target.spec)
    if section is None:
        raise TargetError(f"{target.name} declares no backup: write `backup:` into {target.file}")
    return section


def _of_backup(backup: Manifest, records: tuple[Record, ...]) -> list[str]:
    from pgdeploy.layers.backup.manifest import tried

    began = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(backup.started))
    hours = max(0.0, time.time() - backup.started) / 3600
    lines = [
        f"backup {backup.label}: began {began} UTC, {hours:.1f} hours ago; what was written since is not in it"
    ]
    return [*lines, f"  {tried(backup.label, records)}"]


def _line(place: Place) -> str:
    from pgdeploy.text.naming import quoted_name

    source, name = quoted_name(place.database), quoted_name(place.name)
    if place.kept_as is None:
        return f"  {source}: is created as {name}" if name != source else f"  {source}: is created"
    size = f", {place.size} bytes" if place.size is not None else ""
    return f"  {source}: is replaced; the present one{size}, is kept as {quoted_name(place.kept_as)}"


def _into(folder: Path, bin_dir: Path | None, backup: Manifest, section: DumpSpec, *, dry_run: bool) -> int:
    from pgdeploy.lifecycle.restore import into_new

    if dry_run:
        say(f"  all of it, into a new data directory in {folder}")
        return OK
    started = time.monotonic()
    data = into_new(folder, bin_dir, backup, section)
    say(f"restored in {time.monotonic() - started:.1f}s; start it with: pg_ctl -D {data} start")
    return OK


def _restore(gate: Gate, backup: Manifest, section: DumpSpec, chosen: list[Place]) -> int:
    from pgdeploy.layers.backup.opened import opened
    from pgdeploy.lifecycle.restore import restore

    started = time.monotonic()
    with opened(backup, section) as folder:
        restore(backup, folder, section, gate.server, chosen, note)
    say(f"restored in {time.monotonic() - started:.1f}s")
    names = {place.name for place in chosen if place.name == place.database}
    if not names:
        return OK
    gate.ask_databases(names)
    return ask_and_print(gate)


def _back_up(gate: Gate, target: Target, section: DumpSpec) -> None:
    """What was restored is a new beginning: without this, the next restore would be of a backup from before."""
    from pgdeploy.layers.backup.dump import take

    made = take(target.name, target.spec, section, gate.server, note)
    say(f"new backup: {made.label}")
