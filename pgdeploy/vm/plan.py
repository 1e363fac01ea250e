"""The plan of a VM: from what Proxmox says of it, the steps that make it what the spec says.

A VM that is not there yet is compared as the clone of its template that it will be. Applying takes the first
step, reads again and plans again, so a plan is also how an apply that was cut off finds out where to go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pgdeploy.resources.vm import vm_resources
from pgdeploy.resources.vm.config import Config, disks, join, shown, storage_of
from pgdeploy.resources.vm.disk import disks_of
from pgdeploy.resources.vm.machine import made, said_pending
from pgdeploy.vm.refuse import refuse
from pgdeploy.vm.step import Difference, Step, VmPlan

if TYPE_CHECKING:
    from pgdeploy.resources.vm.declared import DeclaredVm
    from pgdeploy.resources.vm.fact import MachineFact, VmFact
    from pgdeploy.resources.vm.option import Option

_HOT = ("name", "description", "tags", "onboot", "protection", "balloon")
"""Options that a running VM takes at once; so it does with network cards and disks."""


def plan_vm(declared: DeclaredVm, fact: VmFact) -> VmPlan:
    """What is left to do.

    Raises:
        TargetError: nothing of it can be done: the id is another VM's, the template is not there, its node is
            offline.
        Unreadable: the spec names a file of keys that cannot be read.
    """
    refuse(declared, fact)
    steps: list[Step] = []
    machine = fact.machine
    if machine is None:
        clone, machine = _clone(declared, fact)
        steps.append(clone)
    if machine.node != declared.vm.node and not machine.running:
        steps.append(_migrate(declared, machine))
    wanted, causes = _written(declared, machine.coming)
    if causes:
        steps.append(_configure(declared, machine, wanted, causes))
    steps += _grow(declared, machine.coming)
    if not machine.running:
        steps.append(_start(declared))
    waiting = [said_pending(option, *pair) for option, pair in machine.pending.items()]
    waiting += [f"{option} (of the changes above)" for option in _cold(machine, wanted)]
    if machine.running and waiting:
        steps.append(_restart(declared, waiting))
    elif machine.running and machine.stale:
        steps.append(_regenerate(declared, machine))
    return VmPlan(
        tuple(steps), tuple(_stuck(declared, machine, wanted)), tuple(waiting if machine.running else ())
    )


# -- a VM from a template ------------------------------------------------------------------------------


def _clone(declared: DeclaredVm, fact: VmFact) -> tuple[Step, MachineFact]:
    """The step, and the VM as it will be after it."""
    vm, template = declared.vm, fact.template
    assert template is not None  # noqa: S101 - refuse() said so
    node, storage = template.node, _storage_of_clone(declared, fact, template)
    parameters = {
        "newid": vm.id,
        "name": vm.name,
        "full": 1,
        "description": str(declared.record),
        **({"storage": storage} if storage else {}),
    }
    where = node
    if node != vm.node and _is_shared(declared, fact, template):
        parameters["target"] = where = vm.node
    on = f", to {storage}" if storage else ""
    text = f"clone template {template.id} ({template.name} on {node}) in full as {vm.id} on {where}{on}"
    parent = made(declared)
    desired = f"VM {vm.id}, made from target {declared.target}"
    cause = Difference(parent.id, desired, f"no VM {vm.id}")
    step = Step(text, (cause,), "post", ("nodes", node, "qemu", template.id, "clone"), parameters)
    config = {**_on_storage(template.config, storage), "description": str(declared.record), "name": vm.name}
    clone = replace(
        template, id=vm.id, name=vm.name, node=where, template=False, config=config, coming=config, digest=""
    )
    return step, clone


def _storage_of_clone(declared: DeclaredVm, fact: VmFact, template: MachineFact) -> str | None:
    """The boot disk's, where the template's node has it too; a migration puts it there otherwise."""
    storage = declared.vm.disks[declared.vm.boot_disk].storage
    known = fact.cluster.storages
    here = (template.node, storage) in known or template.node == declared.vm.node
    return storage if here else None


def _is_shared(declared: DeclaredVm, fact: VmFact, template: MachineFact) -> bool:
    """Whether Proxmox can clone to another node: all that it reads and writes is on shared storages."""
    used = {
        storage_of(drive["file"]) for drive in disks(template.config).values() if ":" in drive.get("file", "")
    }
    used.add(declared.vm.disks[declared.vm.boot_disk].storage)
    storages = [fact.cluster.storages.get((template.node, storage)) for storage in used]
    return all(storage is not None and storage.shared for storage in storages)


def _on_storage(config: Config, storage: str | None) -> Config:
    """The configuration with its volumes on another storage, as a clone has them."""
    moved = dict(config)
    for name, drive in disks(config).items():
        _, colon, volume = drive.get("file", "").partition(":")
        if colon and storage:
            moved[name] = join({**drive, "file": f"{storage}:{volume}"}, "file")
    return moved


def _migrate(declared: DeclaredVm, machine: MachineFact) -> Step:
    vm = declared.vm
    storage = vm.disks[vm.boot_disk].storage
    parameters = {"target": vm.node, "with-local-disks": 1, "targetstorage": storage}
    text = f"move it from {machine.node} to {vm.node}, its disks to {storage}"
    cause = Difference(f"{made(declared).address}.node", vm.node, machine.node)
    return Step(text, (cause,), "post", (*_here(declared, machine.node), "migrate"), parameters)


# -- configuration -------------------------------------------------------------------------------------


def _options(declared: DeclaredVm) -> Iterator[Option]:
    for resource in vm_resources(declared):
        yield from resource.options()


def _written(declared: DeclaredVm, config: Config) -> tuple[Config, list[Difference]]:
    """The configuration with all that the spec says and a request can write, and what that removes."""
    wanted, causes = config, []
    for option in _options(declared):
        if option.write is None or option.read(wanted) == option.desired():
            continue
        wanted = option.write(wanted)
        if option.read(wanted) == option.desired():
            causes.append(Difference(option.id, option.desired(), option.read(config)))
    return wanted, causes


def _configure(declared: DeclaredVm, machine: MachineFact, wanted: Config, causes: list[Difference]) -> Step:
    changed = _changed(machine.coming, wanted)
    deleted = [option for option in machine.coming if option not in wanted]
    parameters = {
        **changed,
        **({"delete": ",".join(deleted)} if deleted else {}),
        # refused when somebody else was faster
        **({"digest": machine.digest} if machine.digest else {}),
    }
    return Step(
        "configure it", tuple(causes), "post", (*_here(declared, declared.vm.node), "config"), parameters
    )


def _changed(config: Config, wanted: Config) -> dict[str, str]:
    return {option: text for option, text in wanted.items() if config.get(option) != text}


def _cold(machine: MachineFact, wanted: Config) -> list[str]:
    """Changed options that a running VM takes only at its next start."""
    changed = [*_changed(machine.coming, wanted), *(machine.coming.keys() - wanted.keys())]
    is_hot = {*_HOT, *disks(wanted), *(option for option in changed if option.startswith("net"))} - {
        "nameserver"
    }
    return sorted(option for option in changed if option not in is_hot)


def _grow(declared: DeclaredVm, config: Config) -> Iterator[Step]:
    for disk in disks_of(declared):
        actual, desired = disk.size(config), disk.desired_size
        if disk.disk in config and actual < desired:
            cause = Difference(f"vm_disk[{disk.disk}].size", shown(desired), shown(actual))
            yield Step(
                f"let {disk.disk} grow to {shown(desired)}",
                (cause,),
                "put",
                (*_here(declared, declared.vm.node), "resize"),
                {"disk": disk.disk, "size": f"{desired >> 30}G"},
            )


# -- running -------------------------------------------------------------------------------------------


def _start(declared: DeclaredVm) -> Step:
    cause = Difference(f"{made(declared).address}.running", "running", "stopped")
    return Step("start it", (cause,), "post", (*_here(declared, declared.vm.node), "status", "start"), {})


def _restart(declared: DeclaredVm, waiting: list[str]) -> Step:
    cause = Difference(
        f"{made(declared).address}.pending", "nothing waits for a power cycle", "; ".join(waiting)
    )
    path = (*_here(declared, declared.vm.node), "status", "reboot")
    return Step("restart it, which brings into effect what waits", (cause,), "post", path, {}, restart=True)


def _regenerate(declared: DeclaredVm, machine: MachineFact) -> Step:
    cause = Difference("vm_cloud_init[drive].current", "as configured", f"without {', '.join(machine.stale)}")
    path = (*_here(declared, declared.vm.node), "cloudinit")
    return Step("write the cloud-init drive anew", (cause,), "put", path, {})


def _stuck(declared: DeclaredVm, machine: MachineFact, wanted: Config) -> Iterator[Difference]:
    vm = declared.vm
    if machine.running and machine.node != vm.node:
        remedy = f"move it: qm migrate {vm.id} {vm.node} --online --with-local-disks"
        yield Difference(f"{made(declared).address}.node", vm.node, machine.node, remedy)
    growing = {
        f"vm_disk[{disk.disk}].size" for disk in disks_of(declared) if disk.size(wanted) < disk.desired_size
    }
    for option in _options(declared):
        actual, desired = option.read(wanted), option.desired()
        if actual != desired and option.id not in growing:
            yield Difference(option.id, desired, actual, option.stuck)


def _here(declared: DeclaredVm, node: str) -> tuple[object, ...]:
    return ("nodes", node, "qemu", declared.vm.id)
