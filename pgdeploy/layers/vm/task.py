"""Await a task of Proxmox to its exit status, within the time that the spec gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pgdeploy.reach.proxmox import wait_for_task

if TYPE_CHECKING:
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.reach.proxmox import Proxmox


def await_task(
    proxmox: Proxmox, answer: object, what: str, deadline: Deadline, note: Callable[[str], None]
) -> None:
    """Wait for the task that a request answered with; what is no task is done already.

    Raises:
        ProxmoxError: it failed; its own words.
        TargetError: it takes too long.
    """
    if isinstance(answer, str) and answer.startswith("UPID:"):
        wait_for_task(
            proxmox,
            answer,
            what,
            deadline=lambda: deadline.check(f"the task that should {what}"),
            note=note,
        )
