"""What all commands share: how targets are named and loaded, what is asked, how answers are printed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pgdeploy.text.counted import counted
from pgdeploy.text.one_line import escape, json_text

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target

OK, ERROR, DIFFERENT = 0, 1, 2
"""Exit codes: nothing to do or all conforms; an error; changes, drift or advice."""

Name = Annotated[
    str, typer.Argument(help="a target: the name of a file in specs/, or a path", show_default=False)
]
Names = Annotated[
    list[str], typer.Argument(help="targets: names or globs of files in specs/, or paths", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="print JSON")]
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


def load(names: list[str], *, confined: bool = False) -> list[Target]:
    """Load every target before anything is done with one; all their problems are said at once.

    `confined`: what `--no-commands` refuses is a problem, wherever the spec were realised.

    Raises:
        TargetError: a name means none.
        SpecError: a file is no spec.
    """
    from pgdeploy.errors import SpecError
    from pgdeploy.gate.confine import confine
    from pgdeploy.gate.target import find, load_target

    files = dict.fromkeys(file for name in names for file in find(name))
    targets: list[Target] = []
    problems: list[str] = []
    for file in files:
        try:
            target = load_target(file)
            if confined:
                confine(target)
            targets.append(target)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))
    return targets


def load_one(name: str) -> Target:
    """The one target that a name means; raises as `load` does."""
    from pgdeploy.errors import TargetError

    found = load([name])
    if len(found) != 1:
        raise TargetError(f"{name} means {len(found)} targets; name one")
    return found[0]


def confirmed(verb: str, noun: str, number: int) -> bool:
    """Whether somebody who is there says yes."""
    which = f"this {noun}" if number == 1 else f"these {counted(number, noun)}"
    if not sys.stdin.isatty():
        say(f"pgdeploy: not a terminal; pass --yes to {verb.lower()} {which}", err=True)
        return False
    return typer.confirm(f"{verb} {which}?", default=False)


def say(*lines: str, err: bool = False) -> None:
    """Print lines. All that a command prints comes through here, or is JSON: a line break in a line is others'."""
    typer.echo("\n".join(map(escape, lines)), err=err)


def note(text: str) -> None:
    """What the user should know of it, beside the answer."""
    say(f"note: {text}", err=True)


def print_json(data: Any) -> None:
    typer.echo(json_text(data), nl=False)
