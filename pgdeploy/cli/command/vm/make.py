"""The VM of a target: which it is, and how it is made; `pgdeploy up` makes it, too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.cli.output import DIFFERENT, OK, note, say

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.step import VmPlan


def make(
    target: Target, ssh_config: Path | None, *, allow_restart: bool, approved: VmPlan | None = None
) -> int:
    """Make the VM of a target, and say what is left; the exit code.

    Raises:
        TargetError: the spec has no VM, or it cannot be made, or not be reached.
    """
    from pgdeploy.gate.connect import ssh_way
    from pgdeploy.layers.vm.apply import apply_vm
    from pgdeploy.layers.vm.arrive import arrive

    declared = declared_vm_of(target)
    proxmox, deadline = declared.proxmox(), deadline_of(declared)
    left = apply_vm(declared, proxmox, deadline, allow_restart=allow_restart, note=note, approved=approved)
    for difference in left.stuck:
        say(f"drift remains: {difference}", f"  {difference.remedy}")
    for option in left.pending:
        say(f"pending until a restart: {option}")
    if left.pending:
        say("a restart brings it into effect: --allow-restart")
        return DIFFERENT
    arrive(declared, proxmox, ssh_way(target, ssh_config), deadline, note)
    vm = declared.vm
    say(
        f"{target.name}: VM {vm.id} ({vm.name}) runs on {vm.node} and is reached at {vm.network.interface.ip}"
    )
    return DIFFERENT if left.stuck else OK


def declared_vm_of(target: Target) -> DeclaredVm:
    """Raises TargetError when the spec has no VM, SpecError when `--no-commands` refuses it."""
    from pgdeploy.errors import TargetError
    from pgdeploy.gate.confine import confine
    from pgdeploy.layers.vm.declared import declared_vm

    confine(target, "live")
    found = declared_vm(target.declared)
    if found is None:
        raise TargetError(f"{target.file}: there is no VM: write `vm:`")
    return found


def ssh_config_of(ssh_config: Path | None) -> Path | None:
    from pgdeploy.gate.target import ssh_config_of_environment

    return ssh_config or ssh_config_of_environment()


def deadline_of(declared: DeclaredVm) -> Deadline:
    from pgdeploy.layers.vm.deadline import Deadline

    return Deadline(declared.vm.within, note)
