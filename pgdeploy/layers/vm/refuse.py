"""What is wrong before anything is done: another's VM, no template, a node or a storage that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.vm.config import disks, hard_disks
from pgdeploy.layers.vm.made import whose
from pgdeploy.model.host.amount import bytes_of

if TYPE_CHECKING:
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.fact import MachineFact, VmFact


def refuse(declared: DeclaredVm, fact: VmFact) -> None:
    """Raises TargetError when the VM cannot be made or changed."""
    _node(declared, fact)
    if fact.hidden:
        vm = declared.vm
        raise TargetError(
            f"{declared.target}: id {vm.id} is taken by what the token {vm.proxmox.whole_token} may not see: choose "
            f"another id, or give it VM.Audit on /vms/{vm.id}"
        )
    if fact.machine is not None:
        require_ours(declared, fact.machine)
    else:
        _template(declared, fact)
        _storages(declared, fact)
        _namesake(declared, fact)
    _size(declared, fact)


def require_ours(declared: DeclaredVm, machine: MachineFact) -> None:
    """Raises TargetError when the VM was not made from this target, or is only half made."""
    if machine.lock == "clone":  # its notes are not there yet
        raise TargetError(
            f"{declared.target}: VM {machine.id} is locked (clone), as half of it is there; wait until it is done, "
            f"or take it up: {declared.apply}"
        )
    if machine.lock == "destroyed":  # neither disks nor notes are left
        raise TargetError(f"{declared.target}: {half_destroyed(machine)}")
    owner = whose(machine)
    if owner == declared.target:
        return
    by = f"it was made from target {owner}" if owner else "no spec made it"
    raise TargetError(
        f"{declared.target}: id {machine.id} is {machine.name} on {machine.node}, and {by}; choose another id. "
        f"If it is this VM, write into its notes: {declared.record}"
    )


def _node(declared: DeclaredVm, fact: VmFact) -> None:
    node, nodes = declared.vm.node, fact.cluster.nodes
    if node not in nodes:
        raise TargetError(
            f"{declared.target}: there is no node {node}; there are: {', '.join(sorted(nodes))}"
        )
    if nodes[node].status == "offline":
        raise TargetError(f"{declared.target}: node {node} is offline; start it, or choose another `node:`")


def _size(declared: DeclaredVm, fact: VmFact) -> None:
    """What a node does not have, it cannot give: it would say so only when the VM starts."""
    vm, node = declared.vm, fact.cluster.nodes[declared.vm.node]
    if 0 < node.cpus < vm.sockets * vm.cores:
        raise TargetError(
            f"{declared.target}: {vm.node} has {node.cpus} CPUs, and the VM would have {vm.sockets * vm.cores}"
        )
    if 0 < node.memory < bytes_of(vm.memory):
        has = node.memory / (1 << 30)
        raise TargetError(
            f"{declared.target}: {vm.node} has {has:.1f}GB of memory, and the VM would have {vm.memory}"
        )
    for name, disk in vm.disks.items():
        storage = fact.cluster.storages.get((vm.node, disk.storage))
        if storage is not None and 0 < storage.total < bytes_of(disk.size):
            has = storage.total / (1 << 30)
            raise TargetError(
                f"{declared.target}: {disk.storage} has {has:.1f}GB, and {name} would have {disk.size}"
            )


def _namesake(declared: DeclaredVm, fact: VmFact) -> None:
    """Another id is another VM: the one that the spec made before would stay, with the same address."""
    vm = declared.vm
    for other in fact.cluster.vms.values():
        if other.name == vm.name and not other.template:
            raise TargetError(
                f"{declared.target}: VM {other.id} on {other.node} is called {vm.name} too; if it is this one, keep "
                f"`id: {other.id}`, or destroy it first; else choose another name"
            )


def _template(declared: DeclaredVm, fact: VmFact) -> None:
    vm, template = declared.vm, fact.template
    if template is None:
        raise TargetError(
            f"{declared.target}: there is no template {vm.template} that the token {vm.proxmox.whole_token} may see; "
            f"make it, or give the token VM.Audit and VM.Clone on /vms/{vm.template}"
        )
    if not template.template:
        raise TargetError(
            f"{declared.target}: {vm.template} is {template.name}, a VM and no template; make one of it: "
            f"qm template {vm.template}"
        )
    if vm.boot_disk not in disks(template.config):
        known = list(hard_disks(template.config))
        raise TargetError(
            f"{declared.target}: template {vm.template} has no {vm.boot_disk} to boot from; its disks: "
            f"{', '.join(known) or 'none'}; let `disks:` begin with the one that it boots from"
        )


def _storages(declared: DeclaredVm, fact: VmFact) -> None:
    node = declared.vm.node
    for storage in sorted({disk.storage for disk in declared.vm.disks.values()}):
        known = fact.cluster.storages.get((node, storage))
        if known is None:
            there = sorted(name for where, name in fact.cluster.storages if where == node)
            raise TargetError(
                f"{declared.target}: {node} has no storage {storage} that the token may use; it may use: "
                f"{', '.join(there) or 'none'}; else give it Datastore.Audit and Datastore.AllocateSpace on "
                f"/storage/{storage}"
            )
        if not known.usable:
            raise TargetError(f"{declared.target}: storage {storage} of {node} is not available now")
        if "images" not in known.content:
            raise TargetError(
                f"{declared.target}: storage {storage} holds no disks, only {', '.join(sorted(known.content))}; "
                "choose another, or let it hold `images`"
            )


def require_same_kind(declared: DeclaredVm, fact: VmFact, node: str, storage: str) -> None:
    """Raises TargetError when a clone there cannot be moved: ZFS sends its volumes to ZFS alone."""
    vm = declared.vm
    desired = vm.disks[vm.boot_disk].storage
    kinds = [
        known.type
        for place in ((node, storage), (vm.node, desired))
        if (known := fact.cluster.storages.get(place)) is not None
    ]
    if len(set(kinds)) == 2 and "zfspool" in kinds:
        raise TargetError(
            f"{declared.target}: template {vm.template} is on {node}, and its clone on {storage} ({kinds[0]}) cannot "
            f"be moved to {desired} ({kinds[1]}) of {vm.node}; take a template of that node, or a storage of both"
        )


def half_destroyed(machine: MachineFact) -> str:
    """What Proxmox leaves until a destroy is through."""
    return (
        f"VM {machine.id} is locked (destroyed), as half of it is gone; wait until it is done, or, if nothing runs, on "
        f"{machine.node}, as root: qm destroy {machine.id} --skiplock --purge; then run it again"
    )
