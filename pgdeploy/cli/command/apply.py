"""`pgdeploy apply`: bring the server to the spec, then prove it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgdeploy.cli.findings import print_findings, worse
from pgdeploy.cli.options import (
    AllowRestart,
    BinDir,
    DataDir,
    Dsn,
    Name,
    NoCommands,
    On,
    OnOption,
    PlannedLayer,
    Specs,
    SshConfig,
    Timeout,
    To,
    Yes,
)
from pgdeploy.cli.output import DIFFERENT, ERROR, OK, confirmed, say
from pgdeploy.cli.steps import apply_steps
from pgdeploy.cli.targets import open_gate, way_of
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate
    from pgdeploy.layers.server.plan import Plan


def apply(
    target: Name,
    layer: PlannedLayer = "server",
    on: OnOption = On.LIVE,
    dsn: Dsn = None,
    ssh_config: SshConfig = None,
    data_dir: DataDir = None,
    bin_dir: BinDir = None,
    timeout: Timeout = BUDGET,
    specs: Specs = None,
    no_commands: NoCommands = False,
    yes: Yes = False,
    to: To = None,
    allow_restart: AllowRestart = False,
    saved: Annotated[
        Path | None, typer.Option("--plan", help="do exactly this saved plan, or refuse")
    ] = None,
    allow_destructive: Annotated[
        bool, typer.Option("--allow-destructive", help="also make changes that lose something")
    ] = False,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="go on without what could not be read")
    ] = False,
    lock_timeout: Annotated[
        str, typer.Option("--lock-timeout", help="how long to wait for others' locks")
    ] = "10s",
    no_gate: Annotated[
        bool, typer.Option("--no-gate", help="leave probes, host and VM to a check that comes later")
    ] = False,
) -> None:
    """Bring the server to the spec, or another layer, then prove it. Exit 0: it conforms; 2: drift remains; 1: error.

    What it proves is what `pgdeploy check` proves, probes too.
    """
    from pgdeploy.layers import LAYERS, SERVER, layer_of
    from pgdeploy.report import plan as render_plan
    from pgdeploy.report import saved_plan

    _require_duration("--lock-timeout", lock_timeout)
    if allow_restart and layer == SERVER.name:
        others = ", ".join(one.name for one in LAYERS if one.plans and one is not SERVER)
        raise typer.BadParameter(f"--allow-restart goes with --layer, and one of {others}")
    if to is not None and layer == SERVER.name:
        raise typer.BadParameter("--to goes with --layer migration: a plan of the server is made whole")
    approved = None if saved is None else saved_plan.load(saved)
    way = way_of(on, dsn, ssh_config, data_dir, bin_dir, timeout, new_cluster=True)
    with open_gate(target, way, probes=True) as gate:
        if layer != SERVER.name:
            code = apply_steps(
                gate,
                layer_of(layer),
                yes=yes,
                downtime=allow_restart,
                approved=approved,
                destructive=allow_destructive,
                to=to,
            )
            raise typer.Exit(code)
        planned = gate.plan()
        if approved is not None:
            approved.require_same(planned, gate, destructive=allow_destructive)
        planned = render_plan.permitted(planned, destructive=allow_destructive, unreadable=skip_unreadable)
        if approved is None:
            say(*render_plan.lines(planned, gate))
        if planned.changes:
            if not yes and not confirmed("Make", "change", len(planned.changes)):
                raise typer.Exit(ERROR)
            approve = partial(_approve_rest, gate, yes=yes)
            planned = gate.apply(planned, lock_timeout, approve)
        code = _prove(gate, planned, whole=not no_gate)
    raise typer.Exit(code)


def _approve_rest(gate: Gate, rest: Plan, *, yes: bool) -> bool:
    """Show what was planned when the extensions were there, and ask again where the first part was asked."""
    from pgdeploy.report import plan as render_plan

    say("", *render_plan.lines(rest, gate))
    return yes or confirmed("Make", "more change", len(rest.changes))


def _prove(gate: Gate, planned: Plan, *, whole: bool) -> int:
    """Read again and say what became of the causes, and of all that no change could remove; then ask the gate.

    Not `whole`, only what a plan can compare is asked, and what is not is named.
    """
    from pgdeploy.report import findings as report
    from pgdeploy.report import plan as render_plan

    after = gate.plan()
    say(*render_plan.outcome(planned, after))
    code = DIFFERENT if after.changes or after.stuck else OK
    if after.changes and planned.changes:
        code = ERROR
    if not whole:
        say(*_unasked(gate))
        return code
    findings = gate.ask()
    print_findings(gate, findings)
    return worse(code, report.counts(findings))


def _unasked(gate: Gate) -> list[str]:
    from pgdeploy.layers import LAYERS, SERVER

    target = gate.target
    kinds = {"probes": target.probes}
    others = [layer for layer in LAYERS if layer is not SERVER]
    kinds |= {f"checks of {layer.title}": target.checks_of(layer.name) for layer in others}
    left = [f"{kind}: {len(checks)}" for kind, checks in kinds.items() if checks]
    return [f"not asked, `pgdeploy check` asks them: {', '.join(left)}"] if left else []


def _require_duration(option: str, text: str) -> None:
    from pgdeploy.postgres.parameter import MAJORS, parameters
    from pgdeploy.postgres.values import ValueProblem, canonical

    try:
        canonical(text, parameters(MAJORS[-1])["lock_timeout"])
    except ValueProblem as error:
        raise typer.BadParameter(f"{option}: {error}") from None
