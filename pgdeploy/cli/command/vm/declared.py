"""The VM of a target, for the commands that act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.cli.output import note

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.layers.vm.declared import DeclaredVm


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


def deadline_of(declared: DeclaredVm) -> Deadline:
    from pgdeploy.layers.vm.deadline import Deadline

    return Deadline(declared.vm.within, note)
