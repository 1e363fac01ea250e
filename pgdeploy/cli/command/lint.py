"""`pgdeploy lint`: advice from the spec alone."""

from __future__ import annotations

from typing import Annotated

import typer

from pgdeploy.cli.options import Json, NoCommands, Specs
from pgdeploy.cli.output import OK, print_json, say
from pgdeploy.cli.targets import load


def lint(
    targets: Annotated[list[str] | None, typer.Argument(help="targets: names, globs or paths")] = None,
    explain: Annotated[str | None, typer.Option("--explain", metavar="ID", help="what a rule means")] = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
) -> None:
    """Advice from the spec alone, offline. Exit 0: none, or only notes; 2: advice; 1: a spec does not load."""
    from pgdeploy import lint as linter

    if explain is not None:
        say(*linter.explain(explain).split("\n"))
        return
    if not targets:
        raise typer.BadParameter("name a target, or a rule with --explain")
    from datetime import date

    code, found = OK, []
    for target in load(targets, confined=True):
        loaded = target.loaded
        advices = linter.lint(target.spec, date.today(), loaded.place, loaded.replaced)  # noqa: DTZ011
        code = max(code, linter.exit_code(advices))
        for advice in advices:
            place = loaded.place(advice.keys)
            found.append({"target": target.name, "place": str(place), **advice.as_data()})
            if not json:
                say(f"{place}: {advice.text}")
    if json:
        print_json(found)
    elif not found:
        say("no advice")
    raise typer.Exit(code)
