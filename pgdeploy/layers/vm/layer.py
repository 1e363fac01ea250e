"""The layer of the virtual machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.core.layer import Site
    from pgdeploy.core.step import StepPlan
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


class VmLayer(Layer):
    """What Proxmox says of the VM under the host."""

    name: ClassVar[str] = "vm"
    title: ClassVar[str] = "the VM"
    description: ClassVar[str] = "checks of the virtual machine under the host"
    by: ClassVar[str] = "Proxmox"
    markers: ClassVar[Mapping[str, str]] = {
        "vm": "vms",
        "vm_disk": "vm_disks",
        "vm_network": "vm_networks",
        "vm_cloud_init": "vm_cloud_init",
    }

    def declared_in(self, spec: Spec) -> bool:
        return spec.vm is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.vm.declared import declared_vm
        from pgdeploy.layers.vm.kinds import vm_resources

        found = declared_vm(declared)
        return () if found is None else vm_resources(found)

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.vm.problem import problems

        return problems(spec)

    def inapplicable(self, server: Server) -> str | None:
        if server.kind != "live":
            return f"no VM on {server.kind}"
        return "no VM over --dsn" if server.host is None else None

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.vm.declared import declared_vm
        from pgdeploy.layers.vm.fact import read_vm

        found = declared_vm(declared)
        if found is None:
            return {}
        fact = read_vm(found.proxmox(), found.vm)
        return {"sections": {self.name: fact}, "down": fact.down}

    plans: ClassVar[bool] = True

    def heading(self, declared: Declared) -> str:
        vm = _declared(declared).vm
        return f"VM {vm.id} ({vm.name}) on {vm.node}"

    def plan(self, site: Site, *, patient: bool = False) -> StepPlan:
        from pgdeploy.layers.vm.apply import when_unlocked
        from pgdeploy.layers.vm.deadline import Deadline
        from pgdeploy.layers.vm.fact import read_vm
        from pgdeploy.layers.vm.plan import plan_vm

        declared = _declared(site.declared)
        proxmox, deadline = declared.proxmox(), Deadline(declared.vm.within, site.note)
        if patient:
            return plan_vm(declared, when_unlocked(declared, proxmox, deadline, site.note))
        return plan_vm(declared, read_vm(proxmox, declared.vm))

    def apply(self, approved: StepPlan | None, site: Site, *, downtime: bool) -> StepPlan:
        from pgdeploy.layers.vm.apply import apply_vm
        from pgdeploy.layers.vm.arrive import arrive
        from pgdeploy.layers.vm.deadline import Deadline

        declared = _declared(site.declared)
        proxmox, deadline = declared.proxmox(), Deadline(declared.vm.within, site.note)
        left = apply_vm(
            declared, proxmox, deadline, allow_restart=downtime, note=site.note, approved=approved
        )
        if not left.pending:
            arrive(declared, proxmox, site.ssh, deadline, site.note)
        return left

    def reached(self, declared: Declared) -> str:
        vm = _declared(declared).vm
        return f"VM {vm.id} ({vm.name}) runs on {vm.node} and is reached at {vm.network.interface.ip}"

    def step_data(self, payload: Any) -> Mapping[str, Any]:
        path = "/" + "/".join(map(str, payload.path))
        return {
            "request": {
                "method": payload.verb.upper(),
                "path": path,
                "parameters": dict(payload.parameters),
            }
        }


def _declared(declared: Declared) -> DeclaredVm:
    from pgdeploy.layers.vm.declared import declared_vm

    found = declared_vm(declared)
    assert found is not None  # noqa: S101 - nobody plans a layer that the spec does not speak of
    return found
