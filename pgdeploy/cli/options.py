"""The options and arguments of all commands: the same words everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgdeploy.reach.server import seconds


def _complete(incomplete: str) -> list[str]:
    """The targets in the folder of specs, for the shell."""
    from pgdeploy.errors import TargetError
    from pgdeploy.gate.target import find

    try:
        return [file.stem for file in find(f"{incomplete}*") if file.stem.isprintable()]
    except TargetError:
        return []


Name = Annotated[
    str,
    typer.Argument(
        help="a target: the name of a file in specs/, or a path", show_default=False, autocompletion=_complete
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(
        help="targets: names or globs of files in specs/, or paths",
        show_default=False,
        autocompletion=_complete,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
Sarif = Annotated[bool, typer.Option("--sarif", help="print advice as SARIF, for code hosts and editors")]
SshConfig = Annotated[
    Path | None, typer.Option("--ssh-config", help="ssh_config file instead of the spec's connect:")
]


def _forbid_commands(given: bool) -> None:
    if given:
        from pgdeploy.local.trust import forbid_commands

        forbid_commands()


NoCommands = Annotated[
    bool,
    typer.Option(
        "--no-commands",
        callback=_forbid_commands,
        help="refuse a spec that would run a command here or read files beyond its folder",
    ),
]


def _choose_folder(given: Path | None) -> None:
    if given is not None:
        from pgdeploy.gate.target import choose_folder

        choose_folder(given)


Specs = Annotated[
    Path | None,
    typer.Option(
        "--specs",
        metavar="DIR",
        callback=_choose_folder,
        help="the folder of specs (default: $PGDEPLOY_SPECS or specs)",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]


class On(StrEnum):
    LIVE = "live"
    EMBEDDED = "embedded"
    CONTAINER = "container"


class UpOn(StrEnum):
    """Where there is a host to deploy."""

    LIVE = "live"
    CONTAINER = "container"


def _seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


OnOption = Annotated[On, typer.Option("--on", help="where the spec is realised")]
Dsn = Annotated[
    str | None, typer.Option("--dsn", help="libpq connection string instead of the spec's connect:")
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", parser=_seconds, help="how long one read or probe may take"),
]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="with --on embedded: keep the cluster here")]
BinDir = Annotated[
    Path | None, typer.Option("--bin-dir", help="with --on embedded: the programs of another PostgreSQL")
]


def _layers(*, planned: bool) -> list[str]:
    from pgdeploy.layers import LAYERS, SERVER

    return [layer.name for layer in LAYERS if layer.plans or layer is SERVER or not planned]


def _known(names: list[str], name: str) -> str:
    if name not in names:
        raise typer.BadParameter(f"--layer {name}: write one of {', '.join(names)}")
    return name


def _planned_layer(name: str) -> str:
    return _known(_layers(planned=True), name)


def _asked_layer(name: str | None) -> str | None:
    return None if name is None else _known(_layers(planned=False), name)


def _complete_planned(incomplete: str) -> list[str]:
    return [name for name in _layers(planned=True) if name.startswith(incomplete)]


def _complete_asked(incomplete: str) -> list[str]:
    return [name for name in _layers(planned=False) if name.startswith(incomplete)]


PlannedLayer = Annotated[
    str,
    typer.Option(
        "--layer",
        metavar="NAME",
        callback=_planned_layer,
        autocompletion=_complete_planned,
        help="the part of the target: server (SQL), vm or migration",
    ),
]
AskedLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="NAME",
        callback=_asked_layer,
        autocompletion=_complete_asked,
        help="only this part of the target, such as server, host or migration",
    ),
]

To = Annotated[
    str | None, typer.Option("--to", metavar="REVISION", help="with --layer migration: up to this revision")
]
AllowRestart = Annotated[
    bool,
    typer.Option(
        "--allow-restart",
        "--allow-downtime",
        help="restart the VM, or containers, where a change needs it, and run migrations that lock for longer than "
        "`max_lock:`",
    ),
]
