"""`pgdeploy lint`: advice from the spec alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Json, NoCommands, Sarif, Specs
from pgdeploy.cli.output import print_json, say
from pgdeploy.cli.targets import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pgdeploy.lint.rule import Advice
    from pgdeploy.spec.place import Place


def lint(
    targets: Annotated[list[str] | None, typer.Argument(help="targets: names, globs or paths")] = None,
    explain: Annotated[str | None, typer.Option("--explain", metavar="ID", help="what a rule means")] = None,
    specs: Specs = None,
    no_commands: NoCommands = False,
    json: Json = False,
    sarif: Sarif = False,
) -> None:
    """Advice from the spec alone, offline. Exit 0: none, or only notes; 2: advice; 1: a spec does not load."""
    from pgdeploy import lint as linter

    if explain is not None:
        say(*linter.explain(explain).split("\n"))
        return
    if not targets:
        raise typer.BadParameter("name a target, or a rule with --explain")
    if json and sarif:
        raise typer.BadParameter("write --json or --sarif")
    found = list(_advice(targets))
    if sarif:
        _print_sarif(found)
    elif json:
        print_json([{"target": name, "place": str(place), **one.as_data()} for name, place, one in found])
    else:
        say(*(f"{place}: {one.text}" for _, place, one in found) if found else ["no advice"])
    raise typer.Exit(linter.exit_code([one for _, _, one in found]))


def _advice(targets: list[str]) -> Iterator[tuple[str, Place, Advice]]:
    """Each piece of advice with its target and where the spec says what it is about."""
    from datetime import date

    from pgdeploy import lint as linter

    for target in load(targets, confined=True):
        loaded = target.loaded
        for one in linter.lint(target.spec, date.today(), loaded.place, loaded.replaced):  # noqa: DTZ011
            yield target.name, loaded.place(one.keys), one


def _print_sarif(found: Iterable[tuple[str, Place, Advice]]) -> None:
    from pgdeploy.report.sarif import Result, sarif

    results = (
        Result(one.rule.id, one.text, place.file, place.line, str(one.rule.severity), place.column)
        for _, place, one in found
    )
    print_json(sarif(results))
