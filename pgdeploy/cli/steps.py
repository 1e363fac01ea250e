"""Plan and apply of the layers that work step by step: the same for each of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pgdeploy.cli.output import DIFFERENT, ERROR, OK, confirmed, print_json, say

if TYPE_CHECKING:
    from pgdeploy.core.layer import Layer
    from pgdeploy.core.step import Step, StepPlan
    from pgdeploy.gate.gate import Gate
    from pgdeploy.gate.target import Target
    from pgdeploy.report.saved_plan import SavedPlan


def plan_steps(
    gate: Gate, layer: Layer, *, json: bool, out: Path | None = None, to: str | None = None, sql: bool = False
) -> int:
    """Print what would make a layer as declared, or save it; returns the exit code."""
    from pgdeploy.local.new_file import write_file
    from pgdeploy.report import saved_plan, steps
    from pgdeploy.text.one_line import json_text

    _prepare(gate, layer)
    planned = layer.plan(gate)
    if to is not None:
        planned = layer.up_to(planned, to)
    if out is not None or json:
        data = saved_plan.steps_as_data(planned, layer, gate)
        if out is not None:
            write_file(out, json_text(data))
        if json:
            print_json(data)
    if sql:
        say(*(line for step in planned.steps for line in _sql(layer, step)))
    elif not json:
        say(*steps.lines(layer, gate.declared, planned))
    if planned.unreadable:
        return ERROR
    return DIFFERENT if planned.steps or planned.stuck else OK


def _sql(layer: Layer, step: Step) -> list[str]:
    """Lines that psql runs; what cannot be said as SQL is a comment."""
    text = layer.sql(step.payload).strip()
    return [f"-- {step.text}", *(text.splitlines() or ["-- has no SQL that can be shown"]), ""]


def apply_steps(
    gate: Gate,
    layer: Layer,
    *,
    yes: bool,
    downtime: bool,
    approved: SavedPlan | None = None,
    destructive: bool = False,
    to: str | None = None,
) -> int:
    """Show the steps, ask, take them, and say what is left; returns the exit code."""
    from pgdeploy.core.step import Risk
    from pgdeploy.report import steps
    from pgdeploy.report.plan import require_readable

    _prepare(gate, layer)
    with layer.at_work():
        planned = layer.plan(gate, patient=True)
        if to is not None:
            planned = layer.up_to(planned, to)
        if approved is not None:
            approved.require_same_steps(planned, layer, gate, destructive=destructive)
        say(*steps.lines(layer, gate.declared, planned))
        require_readable(planned.unreadable, "fix that, and run it again")
        planned = planned.only(lambda step: destructive or step.risk is Risk.SAFE)
        number = sum(downtime or not step.effect.stops for step in planned.steps)
        if number and not yes and not confirmed("Take", "step", number):
            return ERROR
        return _take(gate, layer, planned, downtime=downtime)


def make(gate: Gate, layer: Layer, *, downtime: bool) -> int:
    """Make a layer as declared without asking; returns the exit code."""
    return _take(gate, layer, None, downtime=downtime)


def _take(gate: Gate, layer: Layer, approved: StepPlan | None, *, downtime: bool) -> int:
    from pgdeploy.report import steps
    from pgdeploy.report.plan import require_readable

    left = layer.apply(approved, gate, downtime=downtime)
    require_readable(left.unreadable, "fix that, and run it again")
    say(*steps.outcome(layer, gate.declared, left))
    return DIFFERENT if left.steps or left.stuck or left.pending else OK


def _prepare(gate: Gate, layer: Layer) -> None:
    """Raises as `_require_live` does, and where a server to throw away cannot be made."""
    _require_live(gate, layer)
    if layer.in_server:
        gate.prepare(layer)


def _require_live(gate: Gate, layer: Layer) -> None:
    """A throw-away server, or one known by its DSN alone, has no layers but those in it: the live one would be changed.

    Raises:
        BadParameter: that is where the options lead.
        TargetError: the spec does not speak of this layer.
    """
    if not layer.in_server and (gate.way.on != "live" or gate.way.dsn is not None):
        raise typer.BadParameter(f"--layer {layer.name} is of the live target: leave out --on and --dsn")
    require_declared(gate.target, layer)


def require_declared(target: Target, layer: Layer) -> None:
    """Raises TargetError where the spec does not speak of this layer."""
    from pgdeploy.errors import TargetError

    if not layer.declared_in(target.spec):
        what = layer.title.removeprefix("the ")
        raise TargetError(f"{target.file}: there is no {what}: write `{layer.name}:`")
