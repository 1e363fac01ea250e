"""`pgdeploy backup`: make backups, list them, verify and prove them, and remove those that are kept no longer."""

from __future__ import annotations

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Dsn, Name, NoCommands, On, Specs, SshConfig, Timeout
from pgdeploy.cli.output import DIFFERENT, OK, note, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.cli.cluster_backup import Result
    from pgdeploy.gate.gate import ConnectionOptions
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.backup.manifest import Manifest
    from pgdeploy.model.backup import DumpSpec


class Action(StrEnum):
    """What to do."""

    NOW = "now"
    LIST = "list"
    VERIFY = "verify"
    PROVE = "prove"
    EXPIRE = "expire"
    SCHEDULE = "schedule"


class Kind(StrEnum):
    """Which backup to make, in pgBackRest's words."""

    FULL = "full"
    DIFFERENTIAL = "diff"
    INCREMENTAL = "incr"


def backup(
    name: Name,
    action: Annotated[
        Action,
        typer.Argument(
            help="now: make one; list; verify: read every file of all; prove: restore the newest into a server that is "
            "made for it; expire: remove those that are kept no longer; schedule: print lines for crontab"
        ),
    ],
    label: Annotated[
        str | None, typer.Option("--label", help="the backup that is proved; the newest without")
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--type", help="with pgbackrest: what `now` makes")
    ] = Kind.INCREMENTAL,
    bin_dir: Annotated[
        Path | None, typer.Option("--bin-dir", help="programs of PostgreSQL for the server that is made")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="print nothing but what is wrong, for cron")
    ] = False,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Make, list, verify, prove and expire the backups of a target.

    Exit 0: done, and all is well; 2: a file is not as it was written, or a restore does not hold; 1: error.
    """
    from pgdeploy.cli.targets import load_one, way_of
    from pgdeploy.errors import TargetError
    from pgdeploy.layers import layer_of

    target = load_one(name)
    section = layer_of("backup").of(target.spec)
    if section is None:
        raise TargetError(f"{target.name}: no backup is declared: write `backup:` into {target.file}")
    progress = _silent if quiet else note
    way = way_of(On.LIVE, dsn, ssh_config, None, None, timeout)
    if section.engine == "pgbackrest":
        from pgdeploy.cli.cluster_backup import acts_on

        acts = acts_on(target, section, name, way, label, kind.value, progress)
    else:
        acts = {
            "now": lambda: _now(target, section, way, progress),
            "list": lambda: _list(section),
            "verify": lambda: _verify(section),
            "prove": lambda: _prove(target, section, label, bin_dir, progress),
            "expire": lambda: _expire(section),
            "schedule": lambda: _schedule(target, section, name),
        }
    code, lines = acts[action.value]()
    if not quiet or code != OK:
        say(*lines)
    raise typer.Exit(code)


def _silent(text: str) -> None:
    """Say nothing of what goes well."""


def _now(
    target: Target, section: DumpSpec, way: ConnectionOptions, progress: Callable[[str], None]
) -> Result:
    from pgdeploy.cli.targets import open_gate
    from pgdeploy.layers.backup.dump import take

    with open_gate(target, way) as gate:
        made = take(target.name, target.spec, section, gate.server, progress)
    return OK, [_line(made)]


def _prove(
    target: Target,
    section: DumpSpec,
    label: str | None,
    bin_dir: Path | None,
    progress: Callable[[str], None],
) -> Result:
    from pgdeploy.lifecycle.prove_restore import prove

    record = prove(target, section, label, bin_dir, progress)
    return (OK if record.good else DIFFERENT), record.lines


def _list(section: DumpSpec) -> Result:
    from pgdeploy.layers.backup.repository import Repository

    contents = Repository(section.repository.path).contents(section.trusted)
    lines = [*map(_line, contents.backups), *(f"{one.label}: {one.why}" for one in contents.broken)]
    return (DIFFERENT if contents.broken else OK), lines or ["no backup"]


def _verify(section: DumpSpec) -> Result:
    from pgdeploy.layers.backup.repository import Repository

    repository = Repository(section.repository.path)
    contents = repository.contents(section.trusted)
    wrong = [line for one in contents.backups for line in repository.wrong_files(one)]
    wrong += [f"{one.label}: {one.why}" for one in contents.broken]
    number = sum(len(one.files) for one in contents.backups)
    total = f"{len(contents.backups)} backups, {number} files read, {len(wrong)} not as they were written"
    return (DIFFERENT if wrong else OK), [*wrong, total]


def _expire(section: DumpSpec) -> Result:
    from pgdeploy.layers.backup.check import expired
    from pgdeploy.layers.backup.repository import Repository

    repository = Repository(section.repository.path)
    with repository.locked():
        gone = expired(section, repository.contents(), time.time())
        words = {True: "removed", False: "not removed, as a restore of it is running"}
        lines = [f"{label}: {words[repository.remove(label)]}" for label in gone]
    return OK, lines or ["nothing to remove"]


def _schedule(target: Target, section: DumpSpec, name: str) -> Result:
    from pgdeploy.errors import TargetError
    from pgdeploy.layers.backup.crontab import lines

    if section.schedule is None:
        raise TargetError(
            f"{target.name} declares no schedule: write `schedule:` or `preset:` into {target.file}"
        )
    program = Path(sys.argv[0]).absolute()
    return OK, list(lines(name, section.schedule, str(program), Path.cwd()))


def _line(backup: Manifest) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(backup.started))
    took = backup.ended - backup.started
    names = ", ".join(backup.databases)
    return (
        f"{backup.label}: {when} UTC, {names}, {backup.size} bytes in {took:.1f}s, PostgreSQL {backup.major}"
    )
