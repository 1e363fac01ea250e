"""The kinds of things of a VM, and what stands under them in Proxmox VE."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from pgdeploy.layers.vm import cloud_init, disk, machine, network

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.layers.vm.declared import DeclaredVm

VM_KINDS: tuple[ModuleType, ...] = (machine, disk, network, cloud_init)


def vm_resources(declared: DeclaredVm) -> tuple[Resource, ...]:
    """Everything that the spec declares of the VM."""
    return tuple(resource for kind in VM_KINDS for resource in kind.resources(declared))
