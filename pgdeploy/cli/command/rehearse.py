"""`pgdeploy rehearse`: the pending release on a restored copy, forward and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pgdeploy.cli.options import Dsn, Json, Name, NoCommands, On, Specs, SshConfig, Timeout
from pgdeploy.cli.output import DIFFERENT, OK, note, print_json, say
from pgdeploy.reach.server import BUDGET


def _silent(text: str) -> None:
    """Say nothing of what goes well."""


def rehearse(
    name: Name,
    bin_dir: Annotated[
        Path | None,
        typer.Option("--bin-dir", help="with pg_dump: programs of PostgreSQL for the copy's server"),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="print nothing but what is wrong, for cron")
    ] = False,
    json: Json = False,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Restore the newest backup beside the server, release what is pending on it, and take it back.

    Exit 0: the backup, the release and its way back work; 2: one of them does not; 1: there was nothing to restore.
    """
    from pgdeploy.cli.targets import load_one, open_gate, way_of
    from pgdeploy.lifecycle.release.journal import journals_of
    from pgdeploy.lifecycle.release.rehearse import heading
    from pgdeploy.lifecycle.release.rehearse import rehearse as play

    target = load_one(name)
    progress = _silent if quiet else note
    with open_gate(target, way_of(On.LIVE, dsn, ssh_config, None, None, timeout)) as gate:
        record = play(gate, journals_of(target.name, target.spec), bin_dir, progress)
    if json:
        print_json({**asdict(record), "good": record.good})
    elif not (quiet and record.good):
        say(heading(record), *(f"  {line}" for line in record.lines))
    raise typer.Exit(OK if record.good else DIFFERENT)
