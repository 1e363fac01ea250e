"""Cloning: the checks before, the stages of the new machine's file, and what is taken back on failure."""

from __future__ import annotations

import random
import re
import uuid
from dataclasses import dataclass, field

from tests.simulators.proxmox.call import VM, Call, handles
from tests.simulators.proxmox.cluster import Cluster, Machine
from tests.simulators.proxmox.config import Config, is_drive
from tests.simulators.proxmox.drive import CLOUDINIT_SIZE, Drive, parse_drive, render_drive
from tests.simulators.proxmox.net import demand_bridges
from tests.simulators.proxmox.options import parse_option, render_option
from tests.simulators.proxmox.refusal import BadParameters, Refusal
from tests.simulators.proxmox.storage import FORMATS, Volume
from tests.simulators.proxmox.task import Task

LEFT_OUT = re.compile(
    r"parent|snaptime|vmstate|snapstate|runningcpu|runningmachine|running-nets-host-mtu|unused\d+"
)

FIRST = Config({"description": " qmclone temporary file", "lock": "clone"})
"""The file as it is first written."""


@dataclass
class Plan:
    """What the checks have found: the new file, the drives to clone, and those to be copied in full."""

    values: dict[str, str] = field(default_factory=dict)
    drives: list[Drive] = field(default_factory=list)
    full: set[str] = field(default_factory=set)


@handles("POST", f"{VM}/clone")
def clone(call: Call) -> str:
    newid, target = int(call.parameters["newid"]), _target(call)
    running = call.cluster.machines.get(call.vmid)
    was_running = running is not None and running.running is not None

    def work(task: Task) -> None:
        with (
            call.cluster.file_lock(call.vmid, 1, shared=not was_running),
            call.cluster.file_lock(newid, 1),
        ):
            _Clone(call, task, _plan(call, newid, target), newid, target).run()

    _plan(call, newid, target)
    return call.fork("qmclone", call.vmid, work)


def _target(call: Call) -> str | None:
    target = call.get("target")
    return None if target in (call.node, "localhost") else target


def _plan(call: Call, newid: int, target: str | None) -> Plan:
    """All that is checked before the task starts, and again in it."""
    if call.get("pool") and call.get("pool") not in call.cluster.access.pools:
        raise Refusal(f"pool '{call.get('pool')}' does not exist")
    if target and target not in call.cluster.nodes:
        raise Refusal(f"no such cluster node '{target}'")
    _check_storage(call, target)
    machine = call.machine
    machine.demand_unlocked()
    _check_snapshot(call, machine)
    full = call.flag("full", default=not machine.is_template)
    for name in ("storage", "format"):
        if call.get(name) is not None and not full:
            raise Refusal(f"parameter '{name}' not allowed for linked clones")
    config = _source(call, machine)
    shared = _check_drives(call, config)
    demand_bridges(call, config)
    if target and not shared:
        raise Refusal(f"can't clone VM to node '{target}' (VM uses local storage)")
    other = call.cluster.machines.get(newid)
    if other is not None and other.node == call.node:
        raise Refusal(f"unable to create VM {newid}: config file already exists")
    return _collect(call, machine, config, full=full)


def _check_snapshot(call: Call, machine: Machine) -> None:
    snapshot = call.get("snapname")
    if snapshot and snapshot not in machine.config.snapshots:
        raise Refusal(f"snapshot '{snapshot}' does not exist")


def _source(call: Call, machine: Machine) -> dict[str, str]:
    snapshot = call.get("snapname")
    return dict(machine.config.snapshots[snapshot]) if snapshot else dict(machine.config)


def _check_storage(call: Call, target: str | None) -> None:
    name = call.get("storage")
    if not name:
        return
    storage = call.cluster.storage(name)
    storage.demand(call.node)
    if "images" not in storage.content:
        raise BadParameters({"storage": f"storage '{name}' does not support vm images"})
    if target:
        storage.demand(target)
        if not storage.shared:
            raise Refusal(f"can't clone to non-shared storage '{name}'")


def _check_drives(call: Call, config: dict[str, str]) -> bool:
    """Whether all volumes are on shared storage, the cloud-init drive's too; room must be the user's to take."""
    shared = True
    for drive in (parse_drive(call.version, key, config[key]) for key in sorted(config) if is_drive(key)):
        if drive.file == "none" or drive.storage is None:
            continue
        shared = shared and call.cluster.storage(drive.storage).shared
        if not drive.is_cdrom:
            call.demand(f"/storage/{call.get('storage') or drive.storage}", "Datastore.AllocateSpace")
    return shared


def _collect(call: Call, machine: Machine, config: dict[str, str], *, full: bool) -> Plan:
    plan = Plan({"lock": "clone"})
    for option in sorted(config):
        if LEFT_OUT.fullmatch(option):
            continue
        if re.fullmatch(r"net\d+", option):
            plan.values[option] = with_new_mac(call.version, option, config[option])
        elif is_drive(option):
            _collect_drive(call, plan, machine, parse_drive(call.version, option, config[option]), full=full)
        else:
            plan.values[option] = config[option]
    return plan


def _collect_drive(call: Call, plan: Plan, machine: Machine, drive: Drive, *, full: bool) -> None:
    if drive.is_cdrom and not drive.is_cloudinit:
        plan.values[drive.option] = machine.config[drive.option]
        return
    volume = call.cluster.volume(call.node, drive.file)
    if full or drive.is_cloudinit or drive.option == "tpmstate0":
        plan.full.add(drive.option)
    elif volume is None or not volume.is_base:
        raise Refusal(f"Linked clone feature is not supported for '{drive.file}' ({drive.option})")
    plan.drives.append(drive)


def with_new_mac(version: str, option: str, value: str) -> str:
    return render_option(version, option, {**parse_option(version, option, value), "macaddr": new_mac()})


def new_mac() -> str:
    """In Proxmox's own range."""
    return "BC:24:11:" + ":".join(f"{random.randrange(256):02X}" for _ in range(3))


@dataclass
class _Clone:
    """The task: file locks are held."""

    call: Call
    task: Task
    plan: Plan
    newid: int
    target: str | None
    made: list[Volume] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return self.call.cluster

    def run(self) -> None:
        self.task.log(f"creating a clone of VM {self.call.vmid} with ID {self.newid}")
        if self.newid in self.cluster.machines:  # on another node: only the write itself finds that
            file = f"/etc/pve/nodes/{self.call.node}/qemu-server/{self.newid}.conf"
            raise Refusal(f"close (rename) atomic file '{file}' failed: File exists")
        guest = self.cluster.guests(self.newid)
        new = Machine(self.newid, self.call.node, FIRST.duplicate(), guest)
        self.cluster.machines[self.newid] = new
        try:
            self._fill(new)
        except Refusal as refusal:
            self._undo(new)
            raise Refusal(f"clone failed: {refusal.message}") from None

    def _fill(self, new: Machine) -> None:
        values = self._values()
        count = max(1, len(self.plan.drives))
        self.task.work(0.2)
        for drive in self.plan.drives:
            made = self._clone_drive(drive)
            self.task.work(0.8 / count)
            values[drive.option] = render_drive(self.call.version, made)
            new.config = Config(values)
        del values["lock"]
        new.config = Config(values)
        new.node = self.target or new.node

    def _values(self) -> dict[str, str]:
        values = dict(self.plan.values)
        smbios = [
            part for part in values.get("smbios1", "").split(",") if part and not part.startswith("uuid=")
        ]
        values["smbios1"] = ",".join([f"uuid={uuid.uuid4()}", *smbios])
        if values.get("vmgenid"):
            values["vmgenid"] = str(uuid.uuid4())
        values.pop("template", None)
        source = self.call.machine.config
        values["name"] = self.call.get("name") or f"Copy-of-VM-{source.get('name', self.call.vmid)}"
        if description := self.call.get("description"):
            values["description"] = description.rstrip()
        return values

    def _clone_drive(self, drive: Drive) -> Drive:
        full = drive.option in self.plan.full
        self.task.log(f"create {'full' if full else 'linked'} clone of drive {drive.option} ({drive.file})")
        volume = self._copy(drive) if full else self._link(drive)
        self.made.append(volume)
        return drive.with_volume(volume, size=volume.size)

    def _link(self, drive: Drive) -> Volume:
        base = self.cluster.volume(self.call.node, drive.file)
        assert base is not None
        return self.cluster.storage(base.storage).clone(self.call.node, base, self.newid)

    def _copy(self, drive: Drive) -> Volume:
        source = self.cluster.volume(self.call.node, drive.file)
        if source is None:
            raise Refusal(f"volume '{drive.file}' does not exist")
        storage = self.cluster.storage(self.call.get("storage") or source.storage)
        wanted = self.call.get("format") or source.format
        kind = wanted if wanted in FORMATS[storage.type] else FORMATS[storage.type][0]
        name = f"vm-{self.newid}-cloudinit{storage.suffix(kind)}" if drive.is_cloudinit else None
        size = CLOUDINIT_SIZE if drive.is_cloudinit else source.size
        volume = storage.allocate(self.call.node, self.newid, kind, name, size)
        self.task.log(f"allocated target volume '{volume.id}'")
        return volume

    def _undo(self, new: Machine) -> None:
        for volume in self.made:
            self.cluster.release(self.call.node, volume.id)
        self.cluster.machines.pop(self.newid, None)
        with self.cluster.outside():
            new.guest.destroy()
