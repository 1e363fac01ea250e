"""The plan of a VM: from what Proxmox says of it, the steps that make it what the spec says.

A VM that is not there yet is compared as the clone of its template that it will be. Applying takes the first
step, reads again and plans again, so a plan is also how an apply that was cut off finds out where to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_interface
from typing import TYPE_CHECKING

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.layer import checks_of
from pgdeploy.core.step import StepPlan
from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.config import Config, disks, join, shown, split, storage_of
from pgdeploy.layers.vm.disk import disks_of
from pgdeploy.layers.vm.kinds import vm_resources
from pgdeploy.layers.vm.machine import said_pending
from pgdeploy.layers.vm.made import made
from pgdeploy.layers.vm.option import VmResource, set_property
from pgdeploy.layers.vm.refuse import refuse, require_same_kind
from pgdeploy.layers.vm.step import Difference, Request, VmStep
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.fact import MachineFact, VmFact
    from pgdeploy.layers.vm.option import Option

_HOT = ("name", "description", "tags", "onboot", "protection", "net0")
"""Options that a running VM takes at once; so it does with new disks."""


_POWER = ("start", "shutdown", "reboot", "migrate")

_FIRMWARE = ("efidisk0", "tpmstate0")

SETTLED = 60
"""Seconds after which a guest that boots has the address that cloud-init gives it."""


def plan_vm(declared: DeclaredVm, fact: VmFact) -> StepPlan:
    """What is left to do.

    Raises:
        TargetError: nothing of it can be done: the id is another VM's, the template is not there, its node is
            offline.
        Unreadable: the spec names a file of keys that cannot be read.
    """
    refuse(declared, fact)
    if fact.machine is not None and fact.machine.running:
        return _of_running(declared, fact, fact.machine)
    steps: list[VmStep] = []
    machine = fact.machine
    if machine is None:
        clone, machine = _clone(declared, fact)
        steps.append(clone)
    if machine.node != declared.vm.node:
        steps.append(_migrate(declared, machine))
    wanted, causes = _written(_options(declared), machine.coming)
    if causes:
        steps.append(_configure(declared, machine, machine.coming, wanted, causes))
    steps += [*_grow(declared, machine), _start(declared, machine)]
    stuck = (*_stuck(declared, machine, wanted), *_states(declared, fact))
    return _as_plan(declared, machine, steps, stuck)


def _of_running(declared: DeclaredVm, fact: VmFact, machine: MachineFact) -> StepPlan:
    """Of a VM that runs: what it takes at once, what waits for a restart, and what is only set while it is down."""
    options = list(_options(declared))
    now, causes = _written([option for option in options if not option.at_boot], machine.coming)
    wanted, late = _written([option for option in options if option.at_boot], now)
    # what waits for a power cycle holds the size of its disk: grown after that, the disk would be taken for small again
    steps = list(_grow(declared, machine))
    if causes:
        steps.append(_configure(declared, machine, machine.coming, now, causes))
    waiting = [*_waiting(declared, machine, now), *map(str, late)]
    if late:
        between = _configure(declared, machine, now, wanted, late)
        steps += [
            replace(step, restart=True)
            for step in (_shut_down(declared, machine, late), between, _start(declared, machine))
        ]
    elif waiting:
        steps.append(_restart(declared, machine, waiting))
    stuck = (*_stuck(declared, machine, wanted), *_states(declared, fact))
    return _as_plan(declared, machine, steps, stuck, waiting)


def _as_plan(
    declared: DeclaredVm,
    machine: MachineFact,
    steps: Sequence[VmStep],
    stuck: Sequence[Difference],
    waiting: Sequence[str] = (),
) -> StepPlan:
    checks = {check.id: check for check in checks_of(vm_resources(declared))}
    if machine.managed:
        steps, stuck = _left_to_ha(declared, steps, stuck)
    causes = [cause for step in steps for cause in step.causes]
    return StepPlan(
        tuple(step.step for step in steps),
        tuple(left.finding(checks) for left in stuck),
        drifts={cause.id: cause.finding(checks) for cause in causes},
        pending=tuple(waiting),
    )


def _left_to_ha(
    declared: DeclaredVm, steps: Sequence[VmStep], stuck: Sequence[Difference]
) -> tuple[Sequence[VmStep], Sequence[Difference]]:
    """Without what the cluster's HA does itself: it would take our request, and undo it."""
    power = [step for step in steps if step.request.path[-1] in _POWER]
    remedy = (
        f"HA manages it: ha-manager set vm:{declared.vm.id} --state started, or stopped; then run it again"
    )
    left = [cause._replace(remedy=remedy) for step in power for cause in step.causes]
    return [step for step in steps if step not in power and not step.restart], [*stuck, *left]


# -- a VM from a template ------------------------------------------------------------------------------


def _clone(declared: DeclaredVm, fact: VmFact) -> tuple[VmStep, MachineFact]:
    """The step, and the VM as it will be after it."""
    vm, template = declared.vm, fact.template
    assert template is not None  # noqa: S101 - refuse() said so
    node, storage, boot = template.node, _storage_of_clone(declared, fact, template), vm.disks[vm.boot_disk]
    parameters = {
        "newid": vm.id,
        "name": vm.name,
        "full": 1,
        "description": str(declared.record),
        **({"storage": storage} if storage else {}),
        **({"format": boot.format} if storage and boot.format else {}),
    }
    where = node
    if node != vm.node and _is_shared(declared, fact, template):
        parameters["target"] = where = vm.node
    elif node != vm.node:
        require_same_kind(declared, fact, node, storage or storage_of(template.config[vm.boot_disk]))
    on = f", to {storage}" if storage else ""
    text = f"clone template {template.id} ({template.name} on {node}) in full as {vm.id} on {where}{on}"
    parent = made(declared)
    cause = Difference(parent.id, declared.claim, f"no VM {vm.id}")
    path = ("nodes", node, "qemu", template.id, "clone")
    step = VmStep(text, (cause,), Request("post", path, parameters))
    config = _on_storage(template.config, storage)
    if storage and boot.format:
        config = set_property(vm.boot_disk, "file", "format", boot.format)(config)
    config = {**config, "description": str(declared.record), "name": vm.name}
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
    # variables of UEFI and the state of a TPM are volumes too
    used |= {storage_of(template.config[option]) for option in _FIRMWARE if option in template.config}
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


def _migrate(declared: DeclaredVm, machine: MachineFact) -> VmStep:
    vm = declared.vm
    storage = vm.disks[vm.boot_disk].storage
    # by the storage where it is; what the spec does not name goes where the boot disk goes
    to: dict[str, str] = {}
    for name, spec in vm.disks.items():
        if name in machine.config:
            to.setdefault(storage_of(machine.config[name]), spec.storage)
    others = [f"{old}:{new}" for old, new in to.items() if new != storage]
    parameters = {"target": vm.node, "with-local-disks": 1, "targetstorage": ",".join([storage, *others])}
    moved = dict.fromkeys([storage, *to.values()])
    text = f"move it from {machine.node} to {vm.node}, its disks to {', '.join(moved)}"
    cause = Difference(f"{made(declared).address}.node", vm.node, machine.node)
    path = (*_here(declared, machine.node), "migrate")
    return VmStep(text, (cause,), Request("post", path, parameters))


# -- configuration -------------------------------------------------------------------------------------


def _options(declared: DeclaredVm) -> Iterator[Option]:
    for resource in vm_resources(declared):
        if isinstance(resource, VmResource):
            yield from resource.options()


def _written(options: Iterable[Option], config: Config) -> tuple[Config, list[Difference]]:
    """The configuration with all that these options say and a request can write, and what that removes."""
    wanted, causes = config, []
    for option in options:
        if option.write is None or option.read(wanted) == option.desired():
            continue
        written = option.write(wanted)
        if option.read(written) == option.desired():
            wanted = written
            causes.append(Difference(option.id, option.desired(), option.read(config)))
    return wanted, causes


def _configure(
    declared: DeclaredVm, machine: MachineFact, before: Config, after: Config, causes: list[Difference]
) -> VmStep:
    deleted = [option for option in before if option not in after]
    parameters = {
        **_changed(before, after),
        **({"delete": ",".join(deleted)} if deleted else {}),
        # refused when somebody else was faster
        **({"digest": machine.digest} if machine.digest else {}),
    }
    path = (*_here(declared, _place(declared, machine)), "config")
    return VmStep("configure it", tuple(causes), Request("post", path, parameters))


def _changed(config: Config, wanted: Config) -> dict[str, str]:
    return {option: text for option, text in wanted.items() if config.get(option) != text}


def _cold(machine: MachineFact, wanted: Config) -> list[str]:
    """Changed options that a running VM takes only at its next start."""
    changed = [*_changed(machine.coming, wanted), *(machine.coming.keys() - wanted.keys())]
    return sorted(
        option
        for option in changed
        if not _is_hot(option, machine, wanted)
        and not _is_same(option, machine.config.get(option), wanted.get(option))
    )


def _is_hot(option: str, machine: MachineFact, wanted: Config) -> bool:
    if option == "balloon":  # to have it at all, or not, is another device
        return (machine.config.get("balloon") == "0") == (wanted.get("balloon") == "0")
    is_new_disk = option not in machine.coming and option in disks(wanted)
    return option in _HOT or (is_new_disk and option.startswith(("scsi", "virtio")))


def _is_same(option: str, one: str | None, other: str | None) -> bool:
    """Whatever the order of the properties."""
    if one is None or other is None or option not in disks({option: one}):
        return one == other
    return split(one, "file") == split(other, "file")


def _grow(declared: DeclaredVm, machine: MachineFact) -> Iterator[VmStep]:
    for disk in disks_of(declared):
        actual, desired = disk.size(machine.coming), disk.desired_size
        if disk.disk in machine.coming and actual < desired:
            cause = Difference(f"vm_disk[{disk.disk}].size", shown(desired), shown(actual))
            path = (*_here(declared, _place(declared, machine)), "resize")
            parameters = {"disk": disk.disk, "size": f"{desired >> 30}G"}
            text = f"let {disk.disk} grow to {shown(desired)}"
            yield VmStep(text, (cause,), Request("put", path, parameters))


# -- running -------------------------------------------------------------------------------------------


def _start(declared: DeclaredVm, machine: MachineFact) -> VmStep:
    cause = Difference(f"{made(declared).address}.running", "running", "stopped")
    path = (*_here(declared, _place(declared, machine)), "status", "start")
    return VmStep("start it", (cause,), Request("post", path, {}))


def _waiting(declared: DeclaredVm, machine: MachineFact, wanted: Config) -> list[str]:
    """What a running VM takes at its next start only, and its guest from the cloud-init drive, which is made anew."""
    waiting = [
        said_pending(option, *pair)
        for option, pair in machine.pending.items()
        if _is_same(option, pair[1], wanted.get(option))  # or a change above takes it back
    ]
    waiting += [f"{option} (of the changes above)" for option in _cold(machine, wanted)]
    stale = [option for option in machine.stale if option not in machine.pending]
    waiting += [f"{option} (cloud-init)" for option in stale]
    return waiting or _without_address(declared, machine)


def _shut_down(declared: DeclaredVm, machine: MachineFact, late: list[Difference]) -> VmStep:
    """An address that is set while the guest runs would be its own at some later boot, and Proxmox would not tell."""
    path = (*_here(declared, machine.node), "status", "shutdown")
    text = "shut it down, as its guest takes an address at boot"
    return VmStep(text, tuple(late), Request("post", path, _patience(declared)))


def _restart(declared: DeclaredVm, machine: MachineFact, waiting: list[str]) -> VmStep:
    cause = Difference(
        f"{made(declared).address}.pending", "nothing waits for a power cycle", f"({'; '.join(waiting)})"
    )
    path = (*_here(declared, machine.node), "status", "reboot")
    text = "restart it, which brings into effect what waits"
    return VmStep(text, (cause,), Request("post", path, _patience(declared)), restart=True)


def _patience(declared: DeclaredVm) -> dict[str, int]:
    """Proxmox's own minute is short for a checkpoint of many gigabytes."""
    return {"timeout": round(seconds_of(declared.vm.within))}


def _without_address(declared: DeclaredVm, machine: MachineFact) -> list[str]:
    """cloud-init gives the guest its address at boot; Proxmox does not say that a new one waits for that."""
    desired, known = declared.vm.network.interface, machine.addresses
    if isinstance(known, Unreadable) or machine.uptime < SETTLED or desired in map(ip_interface, known):
        return []
    return [f"address {', '.join(known) or 'none'} -> {desired}"]


def _stuck(declared: DeclaredVm, machine: MachineFact, wanted: Config) -> Iterator[Difference]:
    vm = declared.vm
    if machine.running and machine.node != vm.node:
        remedy = f"move it: qm migrate {vm.id} {vm.node} --online --with-local-disks"
        yield Difference(f"{made(declared).address}.node", vm.node, machine.node, remedy)
    known = disks_of(declared)
    silent = {f"vm_disk[{disk.disk}].size" for disk in known if disk.size(wanted) < disk.desired_size}
    # of a disk that is not there, that it is not says all
    absent = [disk for disk in known if disk.disk not in wanted]
    silent |= {option.id for disk in absent for option in disk.options() if option.field != "storage"}
    for option in _options(declared):
        actual, desired = option.read(wanted), option.desired()
        if actual != desired and option.id not in silent:
            yield Difference(option.id, desired, actual, option.remedy)


def _states(declared: DeclaredVm, fact: VmFact) -> Iterator[Difference]:
    """What drifts and is no option of the VM: a lock, a storage of another type, disks and cards beyond the spec."""
    facts = Facts(NOBODY, None, {}, {}, sections={"vm": fact})
    for resource in vm_resources(declared):
        for check in resource.checks():
            of_vm = check.field in ("unlocked", "undeclared") and fact.machine is not None
            if check.field == "type" or of_vm:
                found = evaluate(check, facts, parents=False)
                if found.verdict is Verdict.DRIFTS:
                    yield Difference(check.id, found.desired, found.actual, found.remedy)


def _place(declared: DeclaredVm, machine: MachineFact) -> str:
    """The node where it will be when the step is taken: one that does not run is moved first."""
    return machine.node if machine.running else declared.vm.node


def _here(declared: DeclaredVm, node: str) -> tuple[object, ...]:
    return ("nodes", node, "qemu", declared.vm.id)
