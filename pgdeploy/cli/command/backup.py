"""`pgdeploy backup`: make backups, list them, verify and prove them, and remove those that are kept no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Dsn, Name, NoCommands, On, Specs, SshConfig, Timeout
from pgdeploy.cli.output import DIFFERENT, OK, note, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.manifest import Manifest
    from pgdeploy.model.backup import BackupSpec


class Action(StrEnum):
    """What to do."""

    NOW = "now"
    LIST = "list"
    VERIFY = "verify"
    PROVE = "prove"
    EXPIRE = "expire"


def backup(
    name: Name,
    action: Annotated[
        Action,
        typer.Argument(
            help="now: make one; list; verify: read every file of all; prove: restore the newest into a server that is "
            "made for it; expire: remove those that are kept no longer"
        ),
    ],
    label: Annotated[
        str | None, typer.Option("--label", help="the backup that is proved; the newest without")
    ] = None,
    bin_dir: Annotated[
        Path | None, typer.Option("--bin-dir", help="programs of PostgreSQL for the server that is made")
    ] = None,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make, list, verify, prove and expire the backups of a target.

    Exit 0: done, and all is well; 2: a file is not as it was written, or a restore does not hold; 1: error.
    """
    from pgdeploy.cli.targets import load_one
    from pgdeploy.errors import TargetError
    from pgdeploy.layers import layer_of

    target = load_one(name)
    section = layer_of("backup").of(target.spec)
    if section is None:
        raise TargetError(f"{target.name}: no backup is declared: write `backup:` into {target.file}")
    if action is Action.NOW:
        code = _now(target, section, dsn, ssh_config, timeout)
    elif action is Action.PROVE:
        code = _prove(target, section, label, bin_dir)
    else:
        others: dict[Action, Callable[[BackupSpec], int]] = {
            Action.LIST: _list,
            Action.VERIFY: _verify,
            Action.EXPIRE: _expire,
        }
        code = others[action](section)
    raise typer.Exit(code)


def _now(
    target: Target, section: BackupSpec, dsn: str | None, ssh_config: Path | None, timeout: float
) -> int:
    from pgdeploy.cli.targets import way_of
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.backup.dump import take

    gate = Gate(target, way_of(On.LIVE, dsn, ssh_config, None, None, timeout), probes=False, note=note)
    try:
        made = take(target.name, target.spec, section, gate.server, note)
    finally:
        gate.close()
    say(_line(made))
    return OK


def _prove(target: Target, section: BackupSpec, label: str | None, bin_dir: Path | None) -> int:
    from pgdeploy.lifecycle.prove_restore import prove

    record = prove(target, section, label, bin_dir, note)
    took = f"restored and asked within {record.seconds:.1f}s"
    said = f"{record.label}: {took}, {record.checks} checks, {len(record.failed)} do not hold"
    say(said, *(f"  {one}" for one in record.failed))
    return OK if record.good else DIFFERENT


def _list(section: BackupSpec) -> int:
    from pgdeploy.layers.backup.repository import Repository

    contents = Repository(section.repository.path).contents()
    lines = [*map(_line, contents.backups), *(f"{one.label}: {one.why}" for one in contents.broken)]
    say(*(lines or ["no backup"]))
    return DIFFERENT if contents.broken else OK


def _verify(section: BackupSpec) -> int:
    from pgdeploy.layers.backup.repository import Repository

    repository = Repository(section.repository.path)
    contents = repository.contents()
    wrong = [line for one in contents.backups for line in repository.wrong_files(one)]
    wrong += [f"{one.label}: {one.why}" for one in contents.broken]
    number = sum(len(one.files) for one in contents.backups)
    say(
        *wrong, f"{len(contents.backups)} backups, {number} files read, {len(wrong)} not as they were written"
    )
    return DIFFERENT if wrong else OK


def _expire(section: BackupSpec) -> int:
    from pgdeploy.layers.backup.check import expired
    from pgdeploy.layers.backup.repository import Repository

    repository = Repository(section.repository.path)
    with repository.locked():
        gone = expired(section, repository.contents(), time.time())
        for label in gone:
            repository.remove(label)
            say(f"{label}: removed")
    if not gone:
        say("nothing to remove")
    return OK


def _line(backup: Manifest) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(backup.started))
    took = backup.ended - backup.started
    names = ", ".join(backup.databases)
    return (
        f"{backup.label}: {when} UTC, {names}, {backup.size} bytes in {took:.1f}s, PostgreSQL {backup.major}"
    )
