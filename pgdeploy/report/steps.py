"""The plan of a layer that works step by step, for people; as JSON it is a saved plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.core.step import Effect, Risk, drift_line
from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from pgdeploy.core.layer import Declared, Layer
    from pgdeploy.core.step import Step, StepPlan


def lines(layer: Layer, declared: Declared, plan: StepPlan) -> list[str]:
    """Steps in order, each with what it removes, where no step before it says so, and what none of them removes."""
    shown = [f"{declared.target}: {layer.heading(declared)}: {_count(plan)}"]
    told: set[str] = set()
    for number, step in enumerate(plan.steps, 1):
        shown.append(f"{number:3}. {step.text}{step.note and f'; {step.note}'}{_leave(step)}")
        causes = [cause for cause in step.causes if cause not in told]
        shown += [f"       {drift_line(plan.drifts[cause])}" for cause in causes]
        told.update(causes)
    if plan.stuck:
        shown.append("no step of ours removes:")
    for left in plan.stuck:
        shown += [f"     {drift_line(left)}", f"       {left.remedy}"]
    shown += [f"could not be read: {finding.check.id}: {finding.reason}" for finding in plan.unreadable]
    return shown


def _leave(step: Step) -> str:
    """What it takes beside a yes."""
    if step.risk is Risk.DESTRUCTIVE:
        return f" (loses {step.lost}; only with --allow-destructive)"
    if step.effect is Effect.LOCK:
        return " (only with --allow-downtime)"
    return " (only with --allow-restart)" if step.effect is Effect.DOWNTIME else ""


def _count(plan: StepPlan) -> str:
    if not plan.steps and plan.unreadable:
        return "nobody knows what is to be done"
    if not plan.steps:
        return "nothing to do" if not plan.stuck else "nothing that we can do"
    return counted(len(plan.steps), "step")


def outcome(layer: Layer, declared: Declared, left: StepPlan) -> Iterator[str]:
    """What an apply came to: what is left, or what there is now."""
    for finding in left.stuck:
        yield from (f"drift remains: {drift_line(finding)}", f"  {finding.remedy}")
    yield from (f"not done: {step.text}{_leave(step)}" for step in left.steps)
    yield from (f"pending until a restart: {option}" for option in left.pending)
    if left.pending:
        yield "a restart brings it into effect: --allow-restart"
    elif not left.steps:
        yield f"{declared.target}: {layer.reached(declared)}"
