"""Make a VM what its spec says: plan, take the first step, read again, until nothing is left.

Cut off anywhere, the next run goes on from what it finds; two at once do not hurt each other, as every change
of the configuration carries the digest that it was planned from, and whoever comes second looks again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pgdeploy.core.step import Effect, drift_line
from pgdeploy.errors import TargetError
from pgdeploy.layers.vm.deadline import Deadline
from pgdeploy.layers.vm.fact import read_vm
from pgdeploy.layers.vm.plan import plan_vm
from pgdeploy.layers.vm.refuse import half_destroyed
from pgdeploy.layers.vm.step import request_of
from pgdeploy.layers.vm.task import await_task
from pgdeploy.reach.proxmox import Passing, ProxmoxError, wait_for_task

if TYPE_CHECKING:
    from pgdeploy.core.step import Step, StepPlan
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.fact import MachineFact, VmFact
    from pgdeploy.reach.proxmox import Proxmox

Note = Callable[[str], None]

GRACE = 12
"""Seconds that a lock which no task of ours holds may stay: another's task is not seen by every token, and the
list of the cluster is up to ten seconds behind."""

TRIES = 5
"""How often a step is taken again when the way to Proxmox fails, or another is faster."""


def apply_vm(
    declared: DeclaredVm,
    proxmox: Proxmox,
    deadline: Deadline,
    *,
    allow_restart: bool,
    note: Note,
    approved: StepPlan | None = None,
) -> StepPlan:
    """Take the steps, and give what is left: what no step removes, and the restart that is not allowed.

    With `approved` nothing is cloned that this plan did not clone: a VM that went since has gone for a reason.

    Raises:
        TargetError: Proxmox cannot be reached or refuses, a step has no effect, it takes too long, or the VM is gone
            since the plan was approved.
        Unreadable: the spec names a file of keys that cannot be read.
    """
    failed: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    last: ProxmoxError | None = None
    while True:
        plan = plan_vm(declared, when_unlocked(declared, proxmox, deadline, note))
        step = next((one for one in plan.steps if allow_restart or one.effect is not Effect.DOWNTIME), None)
        if step is None:
            return plan
        if approved is not None and _clones(step) and not any(map(_clones, approved.steps)):
            raise TargetError(
                f"{declared.target}: the VM is gone since this plan was made; look, and run it again"
            )
        if last is not None and _is_final(last, failed[step.text]):
            if taken:
                note(
                    f"what is done stays: mend it and run it again, or pgdeploy vm destroy {declared.target}"
                )
            raise last
        if taken[step.text] >= TRIES:
            raise TargetError(
                f"{declared.target}: could {step.text}, and it is as before: {_causes(plan, step)}"
            )
        last = None
        try:
            _take(step, proxmox, deadline, note)
            taken[step.text] += 1
        except ProxmoxError as error:
            failed[step.text] += 1
            last = error
            _wait_for_what_runs(declared, step, proxmox, deadline, note)
            deadline.check(f"leave to {step.text}", str(error))
            time.sleep(min(0.2 * 2 ** failed[step.text], 5))


def _is_final(error: ProxmoxError, times: int) -> bool:
    """Whether a step that is still wanted has failed for good: nobody else did it, and asking again does not help."""
    return times >= (TRIES if isinstance(error, Passing) else 1)


def _clones(step: Step) -> bool:
    return request_of(step).clones


def _take(step: Step, proxmox: Proxmox, deadline: Deadline, note: Note) -> None:
    note(step.text)
    request = request_of(step)
    answer = getattr(proxmox, request.verb)(*request.path, **request.parameters)
    await_task(proxmox, answer, step.text, deadline, note)


def _causes(plan: StepPlan, step: Step) -> str:
    return "; ".join(map(drift_line, (plan.drifts[cause] for cause in step.causes)))


# -- locks ---------------------------------------------------------------------------------------------


def when_unlocked(declared: DeclaredVm, proxmox: Proxmox, deadline: Deadline, note: Note) -> VmFact:
    """The VM when nobody holds it: half a clone is one whose task still runs.

    Raises:
        TargetError: it is locked, and no task that we may see holds it.
    """
    since = time.monotonic()
    while True:
        fact = read_vm(proxmox, declared.vm)
        machine = fact.machine
        if fact.hidden and time.monotonic() - since < GRACE:
            time.sleep(0.3)  # made between two looks of ours, by a clone that runs: the list shows it soon
            continue
        if machine is None or not machine.lock:
            return fact
        task = _holder(declared, machine.node, proxmox)
        if task is None and time.monotonic() - since > GRACE:
            raise TargetError(_stale(declared, machine))
        deadline.check(f"the lock ({machine.lock}) of VM {machine.id}")
        if task is None:
            time.sleep(0.3)
            continue
        note(f"VM {machine.id} is locked ({machine.lock}); waiting for the task that holds it")
        _wait(proxmox, task, f"the lock ({machine.lock})", deadline, note)
        since = time.monotonic()


def _wait(proxmox: Proxmox, task: str, what: str, deadline: Deadline, note: Note) -> None:
    """Whether it succeeds shows in the VM."""
    try:
        wait_for_task(proxmox, task, what, deadline=lambda: deadline.check(what), note=note)
    except Passing:
        raise
    except ProxmoxError as error:
        note(str(error))


def _wait_for_what_runs(
    declared: DeclaredVm, step: Step, proxmox: Proxmox, deadline: Deadline, note: Note
) -> None:
    """It may be done although nobody heard so, and a restart that is asked for again may be done again."""
    with suppress(ProxmoxError):  # whoever reads the VM next says it better
        task = _holder(declared, str(request_of(step).path[1]), proxmox)
        if task is not None:
            _wait(proxmox, task, step.text, deadline, note)


def _holder(declared: DeclaredVm, node: str, proxmox: Proxmox) -> str | None:
    """A running task of this VM, or of its template, which is whom a clone's task is about.

    The node is asked, as the cluster's own list never shows a token what it began itself.
    """
    of_vm, of_template = str(declared.vm.id), str(declared.vm.template)
    for row in proxmox.get("nodes", node, "tasks", source="active"):
        about = row.get("id")
        ours = about == of_vm or (about == of_template and row.get("type") == "qmclone")
        if ours and "endtime" not in row:
            return str(row["upid"])
    return None


def _stale(declared: DeclaredVm, machine: MachineFact) -> str:
    message = (
        f"{declared.target}: VM {machine.id} is locked ({machine.lock}), and no task that we may see holds it"
    )
    if machine.lock == "destroyed":
        return f"{declared.target}: {half_destroyed(machine)}"
    if machine.lock == "suspended":
        return f"{message}: its memory is saved on disk; resume it: qm resume {machine.id}"
    if machine.lock != "clone":
        return f"{message}: wait until it is done, or, if nothing runs: qm unlock {machine.id}"
    return (
        f"{message}: half a clone is left, as when its node went down. On {machine.node}, as root: qm unlock "
        f"{machine.id} && qm destroy {machine.id} --purge; then run it again"
    )
