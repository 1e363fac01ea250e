"""What commands print and ask."""

from __future__ import annotations

import sys
from typing import Any

import typer

from pgdeploy.text.counted import counted
from pgdeploy.text.one_line import escape, json_text

OK, ERROR, DIFFERENT = 0, 1, 2
"""Exit codes: nothing to do or all conforms; an error; changes, drift or advice."""


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
