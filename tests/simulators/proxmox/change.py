"""Changing the configuration of a machine: the checks, and the list of what is to be done."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping

from tests.simulators.proxmox.access import ROOT
from tests.simulators.proxmox.apply import apply_pending, hotplug_pending
from tests.simulators.proxmox.call import VM, Call, handles
from tests.simulators.proxmox.clone import new_mac
from tests.simulators.proxmox.cluster import Machine
from tests.simulators.proxmox.config import is_drive
from tests.simulators.proxmox.drive import Drive, create, forget_used, parse_drive, render_drive, retire
from tests.simulators.proxmox.formats import NESTED, split_list, unescape
from tests.simulators.proxmox.net import demand_bridges
from tests.simulators.proxmox.options import NO_OPTIONS, memory, parse_option, render_option, schema
from tests.simulators.proxmox.refusal import BadParameters, Refusal
from tests.simulators.proxmox.rights import demand_options
from tests.simulators.proxmox.schema import parse
from tests.simulators.proxmox.task import Task
from tests.simulators.proxmox.values import hashed, unique_tags, validate_keys

MISMATCH = "checksum mismatch (file change by other user?)"


@handles("PUT", f"{VM}/config")
def change(call: Call) -> None:
    update = Update(call)
    update.check()
    with call.cluster.file_lock(call.vmid):
        update.run(lambda: None, [])


@handles("POST", f"{VM}/config")
def change_later(call: Call) -> str | None:
    update = Update(call)
    update.check()

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            update.run(task.work, task.lines)

    return _awaited(call, call.fork("qmconfig", call.vmid, work))


def _awaited(call: Call, upid: str) -> str | None:
    """With background_delay the answer waits so many seconds for the task, and is empty if that was enough."""
    task = call.cluster.tasks.get(upid)
    assert task is not None
    delay = int(call.get("background_delay") or 0)
    if not delay or not call.cluster.changed.wait_for(task.ended.is_set, delay):
        return upid
    if task.exitstatus != "OK":
        raise Refusal(f"failed to update VM {call.vmid}: {task.exitstatus}")
    return None


class Update:
    """One request to change the configuration."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.delete: list[str] = []
        self.revert: list[str] = []
        self.values: dict[str, str] = {}
        self.modified: set[str] = set()

    def check(self) -> None:
        """What is checked before anything is locked or forked."""
        call = self.call
        skip = {*NO_OPTIONS, "import-working-storage"}
        self.values = {key: value for key, value in call.parameters.items() if key not in skip}
        call.root_only("skiplock")
        if "sshkeys" in self.values:
            validate_keys(unescape(self.values["sshkeys"]))
        if not (self.values or call.get("delete") or call.get("revert")):
            raise Refusal("no options specified")
        self._resolve_cdrom()
        self._lists()
        self._normalise()
        if call.who != ROOT:
            demand_options(call, self.delete)
            demand_options(call, self.values)
        self._check_storages()
        demand_bridges(call, self.values)
        self._load()

    def _resolve_cdrom(self) -> None:
        if "cdrom" in self.values:
            value = self.values.pop("cdrom")
            self.values["ide2"] = value if "media=" in value else f"{value},media=cdrom"

    def _lists(self) -> None:
        for option in split_list(self.call.get("revert")):
            if schema(self.call.version, option) is None:
                raise BadParameters({"revert": f"unknown option '{option}'"})
            if option in self.values:
                raise _conflict("delete", f"-{option}", f"-revert {option}")
            self.revert.append(option)
        for name in split_list(self.call.get("delete")):
            option = "ide2" if name == "cdrom" else name
            if option in self.values:
                raise _conflict("delete", f"-{option}", f"-delete {option}")
            if option in self.revert:
                raise _conflict("revert", f"-delete {option}", f"-revert {option}")
            if schema(self.call.version, option) is None:
                raise BadParameters({"delete": f"unknown option '{option}'"})
            self.delete.append(option)

    def _normalise(self) -> None:
        """Property strings of drives and cards get their one form, cards a MAC."""
        version = self.call.version
        for option, value in list(self.values.items()):
            if is_drive(option):
                self.values[option] = render_drive(version, parse_drive(version, option, value))
            elif re.fullmatch(r"net\d+", option):
                card = parse_option(version, option, value)
                self.values[option] = render_option(version, option, {"macaddr": new_mac(), **card})
            elif option == "vmgenid" and value == "1":
                self.values[option] = str(uuid.uuid4())

    def _check_storages(self) -> None:
        for option in sorted(filter(is_drive, self.values)):
            drive = parse_drive(self.call.version, option, self.values[option])
            if drive.file == "none" or drive.file.partition(":")[2] == "cloudinit":
                continue
            if drive.file == "cdrom":
                self.call.demand("/", "Sys.Console")
            elif drive.new and not drive.is_cdrom:
                self._check_new(drive)
            else:
                demand_volume(self.call, drive.file)

    def _check_new(self, drive: Drive) -> None:
        assert drive.new is not None
        name = drive.new[0]
        if not name:
            raise Refusal("no storage ID specified (and no default storage)")
        self.call.demand(f"/storage/{name}", "Datastore.AllocateSpace")
        if "images" not in self.call.cluster.storage(name).content:
            raise BadParameters({"storage": f"storage '{name}' does not support vm images"})

    def _load(self) -> Machine:
        """What is checked again under the lock of the file."""
        machine = self.call.machine
        digest = self.call.get("digest")
        if digest and digest != machine.config.digest:
            raise Refusal(MISMATCH)
        if not self.call.flag("skiplock"):
            machine.demand_unlocked()
        self._check_balloon(machine)
        return machine

    def _check_balloon(self, machine: Machine) -> None:
        if "memory" in self.values or "balloon" in self.values:
            values = {**machine.config.with_pending(), **self.values}
            if int(values.get("balloon", 0)) > memory(values):
                raise Refusal("balloon value too large (must be smaller than assigned memory)")

    def run(self, pause: Callable[[], None], log: list[str]) -> None:
        """Each option is written as pending by itself, so what fails half way leaves the first ones pending."""
        machine = self._load()
        words = " ".join(
            f"-{key} {_hidden(key, value)}" for key, value in sorted(self.call.parameters.items())
        )
        log.append(f"update VM {machine.vmid}: {words}")
        self._revert(machine)
        for option in self.delete:
            self._delete(machine, option, log)
        for option, value in self.values.items():
            self._set(machine, option, value)
        pause()
        machine.config.clean_pending()
        if machine.config.pending:
            self._apply(machine)
        forget_used(machine)

    def _apply(self, machine: Machine) -> None:
        if machine.running is None:
            errors = apply_pending(self.call, machine)
        else:
            errors = hotplug_pending(self.call, machine, self.modified)
        if errors:
            raise BadParameters(errors)

    def _revert(self, machine: Machine) -> None:
        for option in self.revert:
            if option in machine.config:
                self.values[option] = machine.config[option]
            elif option in machine.config.pending:
                self.delete.append(option)

    def _delete(self, machine: Machine, option: str, log: list[str]) -> None:
        config = machine.config
        value = config.get(option, config.pending.get(option))
        if value is None:
            log.append(f"cannot delete '{option}' - not set in current configuration!")
            return
        self.modified.add(option)
        was_pending = config.pending.pop(option, None)
        self._leave_boot_order(machine, option)
        if option.startswith("unused"):
            self._delete_unused(machine, option, value)
            return
        if is_drive(option):
            machine.demand_unprotected(f"can't remove drive '{option}'")
            self._demand_drive(option, value)
            if was_pending is not None:
                retire(self.call.cluster, machine, parse_drive(self.call.version, option, was_pending))
        elif option == "tags":
            self._demand_tags(value)
            del config[option]
            return
        elif option.startswith("serial"):
            self._demand_serial(option, value)
        elif re.fullmatch(r"net\d+", option) and option in config:
            demand_bridges(self.call, {option: config[option]})
        config.mark_deleted(option, force=self.call.flag("force"))

    def _leave_boot_order(self, machine: Machine, option: str) -> None:
        order = boot_order(machine.config)
        if option in order and "boot" not in self.delete:
            left = [device for device in order if device != option]
            machine.config.pending["boot"] = f"order={';'.join(left)}" if left else ""
            self.modified.add("boot")

    def _delete_unused(self, machine: Machine, option: str, value: str) -> None:
        machine.demand_unprotected(f"can't remove unused disk '{value}'")
        self.call.demand(f"/vms/{machine.vmid}", "VM.Config.Disk")
        storage = value.partition(":")[0]
        self.call.demand(f"/storage/{storage}", "Datastore.AllocateSpace")
        self.call.cluster.release(machine.node, value)
        del machine.config[option]

    def _set(self, machine: Machine, option: str, value: str) -> None:
        config = machine.config
        self.modified.add(option)
        if config.pending.get(option) == value:
            return
        if is_drive(option):
            self._set_drive(machine, option, value)
        elif option == "boot":
            config.pending[option] = self._boot(machine, value)
        elif option == "cipassword":
            config[option] = value if value.startswith("$") else hashed(value)
        else:
            self._demand_value(machine, option, value)
            config.pending[option] = unique_tags(value) if option == "tags" else value
        config.unmark_deleted(option)

    def _demand_value(self, machine: Machine, option: str, value: str) -> None:
        """Rights that depend on the value."""
        if option == "tags":
            self._demand_tags(machine.config.get(option, ""), value)
        elif option.startswith("serial"):
            self._demand_serial(option, value)
        elif re.fullmatch(r"net\d+", option) and option in machine.config:
            demand_bridges(self.call, {option: machine.config[option]})

    def _set_drive(self, machine: Machine, option: str, value: str) -> None:
        config, version = machine.config, self.call.version
        if option in config:
            self._demand_drive(option, config[option])
        self._demand_drive(option, value)
        if option in config.pending:
            retire(self.call.cluster, machine, parse_drive(version, option, config.pending[option]))
        made = create(self.call.cluster, machine, parse_drive(version, option, value))
        config.pending[option] = render_drive(version, made)
        order = boot_order(config)
        if order and made.is_cdrom and not made.is_cloudinit and option not in order:
            config.pending["boot"] = f"order={';'.join([*order, option])}"
            self.modified.add("boot")

    def _boot(self, machine: Machine, value: str) -> str:
        found = parse(NESTED["pve-qm-boot"], value)
        for device in split_list(found.get("order")):
            there = any(device in values for values in (machine.config, machine.config.pending, self.values))
            if not there or device in self.delete:
                raise Refusal(f"invalid bootorder: device '{device}' does not exist'")
        return f"order={';'.join(split_list(found['order']))}" if "order" in found else value

    def _demand_drive(self, option: str, value: str) -> None:
        drive = parse_drive(self.call.version, option, value)
        path = f"/vms/{self.call.vmid}"
        if drive.is_cloudinit:
            self.call.demand(path, "VM.Config.Cloudinit", "VM.Config.CDROM")
        else:
            self.call.demand(path, "VM.Config.CDROM" if drive.is_cdrom else "VM.Config.Disk")

    def _demand_serial(self, option: str, value: str) -> None:
        if value == "socket":
            self.call.demand(f"/vms/{self.call.vmid}", "VM.Config.HWType")
        elif self.call.who != ROOT:
            raise Refusal(f"only root can modify '{option}' config for real devices")

    def _demand_tags(self, old: str, new: str = "") -> None:
        """Tags are free for all who may change options, as long as no list of registered tags is set."""
        self.call.demand(f"/vms/{self.call.vmid}", "VM.Config.Options")


def demand_volume(call: Call, volid: str) -> None:
    """Whether the user may put this volume, which is there already, into the machine."""
    if volid.startswith("/"):
        raise Refusal("Only root can pass arbitrary filesystem paths.")
    storage, _, name = volid.partition(":")
    call.cluster.storage(storage)
    if call.may(f"/storage/{storage}", "Datastore.Allocate"):
        return
    owner = re.search(r"(?:vm|base)-(\d+)-[^/]*$", name)
    if owner is None:
        call.demand(f"/storage/{storage}", "Datastore.AllocateSpace", "Datastore.Audit", some=True)
    elif int(owner[1]) != call.vmid:
        call.demand(f"/storage/{storage}", "Datastore.Audit")
        call.demand(f"/vms/{owner[1]}", "VM.Config.Disk")


def boot_order(config: Mapping[str, str]) -> list[str]:
    return split_list(parse(NESTED["pve-qm-boot"], config["boot"]).get("order")) if config.get("boot") else []


def _conflict(name: str, one: str, other: str) -> BadParameters:
    return BadParameters({name: f"you can't use '{one}' and {other}' at the same time"})


def _hidden(key: str, value: str) -> str:
    return "<hidden>" if key == "cipassword" else value
