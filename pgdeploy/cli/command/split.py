"""`pgdeploy split`: several specs as one base and what differs."""

from __future__ import annotations

from typing import Annotated

import typer

from pgdeploy.cli.options import Names, Specs, Yes
from pgdeploy.cli.output import ERROR, OK, confirmed, say


def split(
    targets: Names,
    base: Annotated[
        str, typer.Option("--base", metavar="NAME", help="the file of what they share")
    ] = "_base",
    specs: Specs = None,
    yes: Yes = False,
) -> None:
    """Write what several specs share into one file that they extend, with variables where their names differ.

    Each is proved to say what it said. Comments stay beside what they belong to; on what is shared, those of all.
    """
    from pgdeploy.cli.targets import load
    from pgdeploy.errors import PgdeployError
    from pgdeploy.lifecycle import split as splitting
    from pgdeploy.local.new_file import write_file

    loaded = load(targets)
    if len(loaded) < 2 or len({target.file.parent for target in loaded}) != 1:
        raise PgdeployError("name two specs or more, of one folder")
    place = loaded[0].file.with_name(f"{base.removesuffix('.yaml')}.yaml")
    if place.exists() or not place.name.startswith("_"):
        raise PgdeployError(f"{place}: --base must be the name of a new file that begins with _")
    trees = {target.name: target.loaded.data for target in loaded}
    texts = {target.name: target.file.read_text("utf-8") for target in loaded}
    made = splitting.split(trees, place.stem, texts)
    if wrong := [
        name for name in trees if not splitting.says_the_same(trees[name], made.base, made.specs[name])
    ]:
        raise PgdeployError(f"{', '.join(wrong)}: the result would differ from the spec; nothing was written")
    for target in loaded:
        before, after = len(texts[target.name].splitlines()), len(made.specs[target.name].splitlines())
        say(f"{target.file}: {before} lines become {after}")
    say(f"{place}: {len(made.base.splitlines())} lines")
    if made.lost:
        say(f"{made.lost} comments on what is shared are not in all of the specs, and are left out")
    if not yes and not confirmed("Write", "file", len(loaded) + 1):
        raise typer.Exit(ERROR)
    write_file(place, made.base)
    for target in loaded:
        write_file(target.file, made.specs[target.name])
    raise typer.Exit(OK)
