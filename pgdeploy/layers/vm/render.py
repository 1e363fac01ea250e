"""The plan of a VM for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.step import Difference, VmPlan


def lines(declared: DeclaredVm, plan: VmPlan) -> list[str]:
    """Steps in order, each with what it removes, and what none of them removes."""
    vm = declared.vm
    heading = f"{declared.target}: VM {vm.id} ({vm.name}) on {vm.node}"
    shown = [f"{heading}: {_count(plan)}"]
    for number, step in enumerate(plan.steps, 1):
        leave = " (only with --allow-restart)" if step.restart else ""
        shown.append(f"{number:3}. {step.text}{leave}")
        shown += [f"       {cause}" for cause in step.causes]
    if plan.stuck:
        shown.append("no step of ours removes:")
    for left in plan.stuck:
        shown += [f"     {left}", f"       {left.remedy}"]
    return shown


def _count(plan: VmPlan) -> str:
    if not plan.steps:
        return "nothing to do" if not plan.stuck else "nothing that we can do"
    return counted(len(plan.steps), "step")


def as_data(declared: DeclaredVm, plan: VmPlan) -> dict[str, Any]:
    """The same as JSON, with the requests themselves."""
    return {
        "target": declared.target,
        "vm": declared.vm.id,
        "steps": [
            {
                "text": step.text,
                "restart": step.restart,
                "causes": [_difference(cause) for cause in step.causes],
                "request": {
                    "method": step.verb.upper(),
                    "path": "/" + "/".join(map(str, step.path)),
                    "parameters": dict(step.parameters),
                },
            }
            for step in plan.steps
        ],
        "stuck": [_difference(left) for left in plan.stuck],
        "pending": list(plan.pending),
    }


def _difference(difference: Difference) -> dict[str, str]:
    return difference._asdict()
