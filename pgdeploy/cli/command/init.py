"""`pgdeploy init`: a first project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgdeploy.cli.output import say
from pgdeploy.lifecycle.project import Kind


def init(
    name: Annotated[str, typer.Argument(help="what the target is to be called", show_default=False)],
    kind: Annotated[
        Kind, typer.Option("--for", help="how the server is reached, and what is made of it")
    ] = Kind.EMBEDDED,
    address: Annotated[
        str, typer.Option("--address", metavar="HOST", help="the server's host")
    ] = "db.example.org",
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="the project's folder")] = Path(),
) -> None:
    """Write a first project: a spec with its lines explained, its secrets, a test of your own, a workflow for CI.

    Nothing is replaced: where one of the files exists, none is written.
    """
    from pgdeploy.errors import PgdeployError
    from pgdeploy.lifecycle.project import Project
    from pgdeploy.local.new_file import write_file

    _require_names(name, address)
    found = {folder / path: text for path, text in Project(name, kind, address).files().items()}
    if there := [str(path) for path in found if path.exists() or path.is_symlink()]:
        raise PgdeployError(f"{', '.join(there)}: exists already; nothing was written")
    for path, text in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text)
        say(str(path))
    say(f"try it: pgdeploy lint {name}; pgdeploy check {name} --on embedded")


def _require_names(name: str, address: str) -> None:
    """Both stand in files, and the name in Python and YAML without quotes."""
    import re

    from pgdeploy.text.name_pattern import SSH_HOST

    if not re.fullmatch("[a-z][a-z0-9-]*", name):
        raise typer.BadParameter(f"{name}: allowed: lower-case letters, digits and -, a letter first")
    if not re.fullmatch(SSH_HOST[0], address):
        raise typer.BadParameter(f"--address {address}: {SSH_HOST[1]}")
