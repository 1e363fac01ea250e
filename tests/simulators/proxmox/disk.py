"""Resizing a disk, removing a machine with its disks, moving a machine to another node."""

from __future__ import annotations

import re

from tests.simulators.proxmox.call import VM, Call, handles
from tests.simulators.proxmox.change import MISMATCH
from tests.simulators.proxmox.cluster import Machine
from tests.simulators.proxmox.config import Config
from tests.simulators.proxmox.drive import drives, parse_drive, render_drive
from tests.simulators.proxmox.quantity import parse_size
from tests.simulators.proxmox.refusal import BadParameters, Refusal
from tests.simulators.proxmox.storage import Volume, owned
from tests.simulators.proxmox.task import Task


@handles("PUT", f"{VM}/resize")
def resize(call: Call) -> str:
    """All checks are the task's own, even that the machine exists."""
    call.root_only("skiplock")

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            _resize(call, task)

    return call.fork("resize", call.vmid, work)


def _resize(call: Call, task: Task) -> None:
    machine, option = call.machine, call.parameters["disk"]
    if call.get("digest") and call.get("digest") != machine.config.digest:
        raise Refusal(MISMATCH)
    if not call.flag("skiplock"):
        machine.demand_unlocked()
    if option not in machine.config:
        raise Refusal(f"disk '{option}' does not exist")
    drive = parse_drive(call.version, option, machine.config[option])
    if drive.is_cdrom:
        raise Refusal("you can't resize a cdrom")
    call.demand(f"/storage/{drive.storage}", "Datastore.AllocateSpace")
    volume = call.cluster.volume(machine.node, drive.file)
    if volume is None:
        raise Refusal(f"Could not determine current size of volume '{drive.file}'")
    size = _new_size(call.parameters["size"], volume.size)
    if size < volume.size:
        raise Refusal("shrinking disks is not supported")
    task.work()
    if size != volume.size:
        call.cluster.storage(volume.storage).resize(machine.node, volume, size)
        drive.values["size"] = str(size)
        machine.config[option] = render_drive(call.version, drive)


def _new_size(text: str, now: int) -> int:
    size = parse_size(text.removeprefix("+"))
    assert size is not None
    return now + size if text.startswith("+") else size


@handles("DELETE", VM)
def destroy(call: Call) -> str:
    call.root_only("skiplock")
    _demand_removable(call)

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            _demand_removable(call)
            _destroy(call, task, call.machine)

    return call.fork("qmdestroy", call.vmid, work)


def _demand_removable(call: Call) -> None:
    machine = call.machine
    machine.demand_unprotected(f"can't remove VM {call.vmid}")
    if machine.running is not None:
        raise Refusal(f"VM {call.vmid} is running - destroy failed")


def _destroy(call: Call, task: Task, machine: Machine) -> None:
    if not call.flag("skiplock"):
        machine.demand_unlocked()
    _demand_unused_base(call, machine)
    volumes = _volumes(call, machine)
    if call.flag("destroy-unreferenced-disks"):
        volumes |= {volume.id: volume for volume in owned(call.cluster.volumes(), call.vmid)}
    for volume in volumes.values():
        call.cluster.release(machine.node, volume.id)
    machine.config = Config({"lock": "destroyed"})
    task.work()
    if call.flag("purge"):
        task.log(f"purging VM {call.vmid} from related configurations..")
    with call.cluster.outside():
        machine.guest.destroy()
    del call.cluster.machines[call.vmid]


def _demand_unused_base(call: Call, machine: Machine) -> None:
    for volume in _volumes(call, machine).values():
        if any(other.parent == volume.name for other in call.cluster.storage(volume.storage).volumes):
            raise Refusal(f"base volume '{volume.id}' is still in use by linked cloned")


def _volumes(call: Call, machine: Machine) -> dict[str, Volume]:
    """The machine's own volumes that its configuration names, pending and unused ones too."""
    config = machine.config
    names = [drive.file for values in (config, config.pending) for drive in drives(call.version, values)]
    names += [value for key, value in config.items() if re.fullmatch(r"unused\d+", key)]
    found = (call.cluster.volume(machine.node, name) for name in names)
    return {volume.id: volume for volume in found if volume is not None and volume.vmid == machine.vmid}


@handles("POST", f"{VM}/migrate")
def migrate(call: Call) -> str:
    target = call.parameters["target"]
    if target == call.node:
        raise BadParameters({"target": "target is local node."})
    if target not in call.cluster.nodes:
        raise Refusal(f"no such cluster node '{target}'")
    call.root_only("force", "migration_type", "migration_network")
    machine = call.machine
    machine.demand_unlocked()
    if machine.running is not None and not call.flag("online"):
        raise Refusal("can't migrate running VM without --online")
    _check_available(call, machine, target)

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            _migrate(call, task, target)

    return call.fork("qmigrate", call.vmid, work)


def _target_storages(call: Call) -> dict[str, str]:
    """`A,B:C`: from B to C, all others to A, which stands under the empty name."""
    parts = [part for part in (call.get("targetstorage") or "").split(",") if part not in ("", "1")]
    return {part.partition(":")[0] if ":" in part else "": part.rpartition(":")[2] for part in parts}


def _check_available(call: Call, machine: Machine, target: str) -> None:
    """Each volume's storage must be there, or the one that it shall be moved to."""
    wanted = _target_storages(call)
    if wanted:
        call.demand(f"/vms/{machine.vmid}", "VM.Config.Disk")
        for storage in wanted.values():
            call.cluster.storage(storage).demand(target)
            call.demand(f"/storage/{storage}", "Datastore.AllocateSpace")
        return
    for drive in drives(call.version, machine.config):
        if drive.storage:
            call.cluster.storage(drive.storage).demand(machine.node)
            call.cluster.storage(drive.storage).demand(target)


def _migrate(call: Call, task: Task, target: str) -> None:
    """The file moves to the other node, and local volumes with it."""
    machine = call.machine
    machine.demand_unlocked()
    if not call.cluster.nodes[target].online:
        raise Refusal("migration aborted")
    local = [volume for volume in _volumes(call, machine).values() if volume.node is not None]
    if machine.running is not None and local and not call.flag("with-local-disks"):
        task.log("ERROR: can't live migrate attached local disks without with-local-disks option")
        raise Refusal("migration aborted")
    for volume in local:
        if volume.parent:
            task.log(f"ERROR: can't migrate '{volume.id}' as it's a clone of '{volume.parent}'")
            raise Refusal("migration aborted")
    machine.config["lock"] = "migrate"
    try:
        task.work()
        for volume in local:
            _move(call, machine, volume, target)
        machine.node = target
    finally:
        machine.config.pop("lock", None)


def _move(call: Call, machine: Machine, volume: Volume, target: str) -> None:
    wanted = _target_storages(call)
    storage = call.cluster.storage(wanted.get(volume.storage) or wanted.get("") or volume.storage)
    last = volume.name.rpartition("/")[2]
    made = storage.allocate(target, machine.vmid, volume.format, last, volume.size)
    call.cluster.release(machine.node, volume.id)
    for key, value in machine.config.items():
        if value.split(",")[0] == volume.id:
            machine.config[key] = value.replace(volume.id, made.id, 1)
