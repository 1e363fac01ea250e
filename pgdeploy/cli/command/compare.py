"""`pgdeploy compare`: what differs between two targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Json, Name, NoCommands, Specs, SshConfig, Timeout
from pgdeploy.cli.output import DIFFERENT, OK, note, print_json, say
from pgdeploy.reach.server import BUDGET
from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target


def compare(
    first: Name,
    second: Name,
    live: Annotated[
        bool,
        typer.Option("--live", help="compare their servers; what their specs declare to differ is left out"),
    ] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", metavar="ID", help="leave out what has this id; * stands for any text; repeatable"
        ),
    ] = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
) -> None:
    """Print what differs between two specs, or with --live between their servers. A spec against its server: check.

    Exit 0: the same; 2: they differ; 1: error.
    """
    from pgdeploy.cli.targets import load_one
    from pgdeploy.lifecycle.compare import as_data, differences, lines, undeclared, without

    one, other = load_one(first), load_one(second)
    found = differences(one, other)
    if live:
        declared = found
        servers = [_captured(target, ssh_config, timeout) for target in (one, other)]
        found = undeclared(differences(*servers), declared)
        one, other = servers
    found = without(found, ignore or [])
    if json:
        print_json(as_data(found, one, other))
    elif found:
        say(
            f"{one.name} and {other.name} differ: {counted(len(found), 'difference')}",
            *lines(found, one, other),
        )
    else:
        say(f"{one.name} and {other.name} are the same")
    raise typer.Exit(DIFFERENT if found else OK)


def _captured(target: Target, ssh_config: SshConfig, timeout: float) -> Target:
    """What the server of a target is, as a spec that nobody keeps."""
    from pgdeploy.cli.options import On
    from pgdeploy.cli.targets import open_gate, way_of
    from pgdeploy.lifecycle.capture import draft, loaded

    with open_gate(target, way_of(On.LIVE, None, ssh_config, None, None, timeout)) as gate:
        made = draft(gate.server, {})
    for line in made.unseen:
        note(f"{target.name}: could not be read: {line}")
    return loaded(made, f"{target.name} (live)")
