"""`pgdeploy release`: bring a server to what the repository says, and back where that fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.options import Dsn, Json, Name, NoCommands, On, Specs, SshConfig, Timeout, Yes
from pgdeploy.cli.output import DIFFERENT, ERROR, OK, confirmed, note, print_json, say
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgdeploy.gate.gate import Gate
    from pgdeploy.lifecycle.release.plan import ReleasePlan
    from pgdeploy.lifecycle.release.run import Result, Wanted


def _force(names: list[str]) -> list[str]:
    from pgdeploy.lifecycle.release.precondition import FORCED

    for name in names:
        if name not in FORCED:
            raise typer.BadParameter(f"--force {name}: write one of {', '.join(FORCED)}")
    return names


def _span(text: str | None) -> str | None:
    from pydantic_core import PydanticCustomError

    from pgdeploy.model.host.amount import seconds_of

    try:
        if text is not None:
            seconds_of(text)
    except PydanticCustomError as error:
        raise typer.BadParameter(f"--require-rehearsal {text}: {error.message()}") from None
    return text


def release(
    name: Name,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="REVISION", help="migrations up to this revision, and no further"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan, and change nothing")] = False,
    backup: Annotated[
        bool | None, typer.Option("--backup/--no-backup", help="make a backup before anything is changed")
    ] = None,
    maintenance: Annotated[
        bool | None, typer.Option("--maintenance/--no-maintenance", help="keep users out meanwhile")
    ] = None,
    max_downtime: Annotated[
        float | None,
        typer.Option(
            "--max-downtime", min=1, metavar="SECONDS", help="take it back when users are out for longer"
        ),
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke/--no-smoke", help="ask afterwards whether all is well")
    ] = True,
    force: Annotated[
        list[str] | None,
        typer.Option(
            "--force",
            metavar="NAME",
            callback=lambda names: _force(names or []),
            help="go on in spite of this obstacle, by its name; may be repeated",
        ),
    ] = None,
    require_rehearsal: Annotated[
        str | None,
        typer.Option(
            "--require-rehearsal",
            metavar="SPAN",
            callback=_span,
            help="only if it was rehearsed so long ago: 24h",
        ),
    ] = None,
    json: Json = False,
    yes: Yes = False,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
) -> None:
    """Release what the repository says: backup, maintenance, migrations, SQL state, seeds, smoke run.

    What fails is taken back. Exit 0: done, and healthy; 2: it was taken back, or with --dry-run there is something to
    do; 1: it did not begin, or a person has to act.
    """
    from pgdeploy.cli.targets import load_one, open_gate, way_of
    from pgdeploy.lifecycle.release.journal import journals_of
    from pgdeploy.lifecycle.release.run import Wanted
    from pgdeploy.lifecycle.release.run import release as make
    from pgdeploy.model.release import ReleaseSpec

    target = load_one(name)
    section = target.spec.release or ReleaseSpec.model_validate({})
    if maintenance and section.maintenance is None:
        raise typer.BadParameter("--maintenance: the spec does not say how: write release: maintenance:")
    wanted = Wanted(
        to, backup, maintenance, max_downtime, smoke, frozenset(force or ()), require_rehearsal, dry_run
    )
    with open_gate(target, way_of(On.LIVE, dsn, ssh_config, None, None, timeout), probes=True) as gate:
        asked = _Asked(gate, wanted, dry_run=dry_run, yes=yes, json=json)
        result = make(gate, section, journals_of(target.name, target.spec), wanted, note, asked)
    if result.ended == "not begun":
        raise typer.Exit(asked.code)
    if json:
        print_json(_data(target.name, result))
    else:
        say(*_lines(target.name, result))
    raise typer.Exit(_code(result))


class _Asked:
    """Prints the plan, and says whether it is to be made; `code` is the exit code where it is not."""

    def __init__(self, gate: Gate, wanted: Wanted, *, dry_run: bool, yes: bool, json: bool) -> None:
        self._gate, self._wanted = gate, wanted
        self._dry_run, self._yes, self._json = dry_run, yes, json
        self.code = ERROR

    def __call__(self, plan: ReleasePlan) -> bool:
        if not self._json:
            say(*_plan_lines(self._gate, plan))
        left = [one for one in plan.obstacles if one.name not in self._wanted.force]
        for one in plan.obstacles:
            note(f"forced: {one.why}" if one not in left else f"in the way: {one}")
        if self._dry_run:
            self.code = ERROR if left else OK if plan.is_empty else DIFFERENT
            return False
        if left:
            return False
        return plan.is_empty or self._yes or confirmed("Make", "release", 1)


def _plan_lines(gate: Gate, plan: ReleasePlan) -> Iterator[str]:
    from pgdeploy.layers import layer_of
    from pgdeploy.report import plan as state
    from pgdeploy.report import steps

    yield from state.lines(plan.state, gate)
    for name, planned in plan.steps.items():
        if name in plan.waits:
            yield f"{gate.target.name}: {layer_of(name).title} are planned when the SQL state is there"
        else:
            yield from steps.lines(layer_of(name), gate.declared, planned)
    yield from plan.undo


def _lines(name: str, result: Result) -> Iterator[str]:
    from pgdeploy.text.quantity import shown

    took = f"in {shown(result.seconds, 's')}"
    down = f", users were out for {shown(result.downtime, 's')}" if result.downtime is not None else ""
    what = f"release {result.id}: " if result.id else ""
    yield f"{name}: {what}{result.ended}, {took}{down}"
    if result.why:
        yield from (f"  {line}" for line in result.why.splitlines())
    yield from (f"  {line}" for line in result.lines)


def _data(name: str, result: Result) -> dict[str, object]:
    return {
        "target": name,
        "release": result.id,
        "ended": result.ended,
        "why": result.why,
        "seconds": round(result.seconds, 3),
        "downtime": None if result.downtime is None else round(result.downtime, 3),
        "health": None if result.health is None else result.health.as_data(),
        "notes": result.lines,
    }


def _code(result: Result) -> int:
    if result.good:
        return OK
    return DIFFERENT if result.ended in ("rolled back", "restored", "failed", "not healthy") else ERROR
