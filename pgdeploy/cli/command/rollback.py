"""`pgdeploy rollback`: take revisions or a release back, or restore a proved backup in an emergency."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Dsn, Name, NoCommands, On, Specs, SshConfig, Timeout, Yes
from pgdeploy.cli.output import DIFFERENT, ERROR, OK, confirmed, note, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.lifecycle.release.journal import Journal
    from pgdeploy.lifecycle.release.rollback import RolledBack


class Action(StrEnum):
    """What to do."""

    NOW = "now"
    LIST = "list"


def rollback(
    name: Name,
    action: Annotated[
        Action, typer.Argument(help="now: take back; list: the releases that were")
    ] = Action.NOW,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="so many revisions")] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="down to this revision, which stays; or base")
    ] = None,
    release: Annotated[
        str | None, typer.Option("--release", metavar="ID", help="all that this release did")
    ] = None,
    emergency: Annotated[
        str | None,
        typer.Option("--emergency", metavar="REASON", help="restore the newest backup that was proved"),
    ] = None,
    restore: Annotated[
        bool, typer.Option("--restore", help="with --release: restore the backup that it made")
    ] = False,
    entry: Annotated[
        str | None, typer.Option("--entry", help="which entry of `migrations:`, where there are several")
    ] = None,
    yes: Yes = False,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Take something back, after a word about how, and what is lost; then ask whether all is well.

    Exit 0: done, and healthy; 2: done, and not all is well; 1: error, or nothing was done.
    """
    from pgdeploy.cli.targets import load_one, open_gate, way_of
    from pgdeploy.lifecycle.release.journal import journals_of
    from pgdeploy.lifecycle.release.rollback import Asked
    from pgdeploy.lifecycle.release.rollback import rollback as take_back

    target = load_one(name)
    journals = journals_of(target.name, target.spec)
    if action is Action.LIST:
        say(*(list(map(_line, journals.all())) or ["no release"]))
        raise typer.Exit(OK)
    if [steps, revision, release, emergency].count(None) != 3:
        raise typer.BadParameter("write one of --steps, --revision, --release and --emergency")
    if restore and release is None:
        raise typer.BadParameter("--restore goes with --release")
    asked = Asked(steps, revision, release, emergency, entry, restore)

    def approve(lines: Sequence[str]) -> bool:
        say(*(f"  {line}" for line in lines))
        return yes or confirmed("Make", "rollback", 1)

    with open_gate(target, way_of(On.LIVE, dsn, ssh_config, None, None, timeout), probes=True) as gate:
        done = take_back(gate, journals, asked, note, approve)
    if done is None:
        say(f"{name}: nothing was taken back")
        raise typer.Exit(ERROR)
    say(*_lines(name, done))
    raise typer.Exit(OK if done.health.healthy and not done.lost else DIFFERENT)


def _lines(name: str, done: RolledBack) -> Iterator[str]:
    healthy = done.health.healthy
    yield f"{name}: taken back, and {'healthy' if healthy else f'not healthy: {done.health.why}'}"
    yield from (f"  {line}" for line in (*done.lines, *done.lost, *done.health.red))


def _line(journal: Journal) -> str:
    began = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(journal.began))
    failed = journal.last("failed")
    why = f": {failed['why'].splitlines()[0]}" if failed is not None else ""
    return f"{journal.id}: {began}, {journal.result or 'has no end'}{why}"
