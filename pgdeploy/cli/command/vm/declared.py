"""The VM of a target, for the commands that act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.cli.output import note
from pgdeploy.cli.steps import require_declared

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.layers.vm.declared import DeclaredVm


def declared_vm_of(target: Target) -> DeclaredVm:
    """Raises TargetError when the spec has no VM, SpecError when `--no-commands` refuses it."""
    from pgdeploy.gate.confine import confine
    from pgdeploy.layers import layer_of
    from pgdeploy.layers.vm.declared import declared_vm

    confine(target, "live")
    require_declared(target, layer_of("vm"))
    found = declared_vm(target.declared)
    assert found is not None  # noqa: S101 - as was just required
    return found


def deadline_of(declared: DeclaredVm) -> Deadline:
    from pgdeploy.layers.vm.deadline import Deadline

    return Deadline(declared.vm.within, note)
