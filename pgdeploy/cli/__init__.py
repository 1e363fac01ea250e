"""The command line. Heavy imports wait until a command needs them."""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from pgdeploy import __version__
from pgdeploy.cli.command import vm
from pgdeploy.cli.command.apply import apply
from pgdeploy.cli.command.backup import backup
from pgdeploy.cli.command.baseline import baseline
from pgdeploy.cli.command.capture import capture
from pgdeploy.cli.command.check import check
from pgdeploy.cli.command.compare import compare
from pgdeploy.cli.command.init import init
from pgdeploy.cli.command.lint import lint
from pgdeploy.cli.command.migrate import migrate
from pgdeploy.cli.command.plan import plan
from pgdeploy.cli.command.rehearse import rehearse
from pgdeploy.cli.command.release import release
from pgdeploy.cli.command.render import render
from pgdeploy.cli.command.restore import restore
from pgdeploy.cli.command.rollback import rollback
from pgdeploy.cli.command.schema import schema
from pgdeploy.cli.command.seed import seed
from pgdeploy.cli.command.smoke import smoke
from pgdeploy.cli.command.split import split
from pgdeploy.cli.command.up import up
from pgdeploy.cli.output import ERROR, say
from pgdeploy.cli.wording import misspelt

UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""Of the library under typer, which newer versions carry inside."""

app = typer.Typer(
    help="One spec says what a PostgreSQL server must be; pgdeploy makes the database so and proves it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # of the subcommands, too
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help is plain text: rich alone would take longer to import than all the rest
)

for command in (
    lint,
    plan,
    apply,
    check,
    up,
    init,
    capture,
    compare,
    render,
    split,
    baseline,
    backup,
    restore,
    migrate,
    seed,
    smoke,
    release,
    rollback,
    rehearse,
    schema,
):
    app.command()(command)
app.add_typer(vm.app, name="vm")

SELDOM = 100_000
"""New objects between two searches for cycles: a command builds large trees, and ends soon."""

INTERRUPTED = 130
"""What typer makes of KeyboardInterrupt."""


def main() -> None:
    """The entry point `pgdeploy`: every error that we raise is one message and exit code 1."""
    from pgdeploy.local.signals import Ending
    from pgdeploy.reach.libpq import take_environment
    from pgdeploy.text.one_line import defect

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name that the terminal's encoding lacks ends nothing
            stream.reconfigure(errors="backslashreplace")
    gc.set_threshold(SELDOM)
    ending = Ending().install()
    take_environment()
    try:
        _run()
    except (KeyboardInterrupt, typer.Abort):
        _say_ended(ending.name)
        sys.exit(128 + ending.number)
    except Exception as error:  # noqa: BLE001 - Python's own traceback would print what others say as it is
        say(*defect(error), err=True)
    sys.exit(ERROR)


def _run() -> None:
    """Returns after an error, and does not otherwise."""
    from pgdeploy.errors import PgdeployError, SpecError

    try:
        if (code := app(standalone_mode=False)) != INTERRUPTED:
            sys.exit(code)
        raise KeyboardInterrupt
    except SpecError as error:
        # places first, as editors read them
        say(*error.lines, err=True)
    except PgdeployError as error:
        say(f"pgdeploy: {error.lines[0]}", *error.lines[1:], err=True)
    except OSError as error:
        # a full disk, a folder that is not ours to write to
        place = f"{error.filename}: " if error.filename else ""
        say(f"pgdeploy: {place}{error.strerror or error}", err=True)
    except UsageError as error:
        # click's own 2 would say: there are changes
        if error.format_message().startswith("Usage:"):
            error.show()  # no argument at all: the help
        else:
            say(*misspelt(error), err=True)


def _say_ended(how: str) -> None:
    # a terminal that closed reads nothing any more
    with suppress(OSError):
        say(f"pgdeploy: {how}", err=True)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"pgdeploy {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print it")
    ] = False,
) -> None:
    pass
