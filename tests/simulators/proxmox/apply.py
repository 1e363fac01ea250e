"""Taking pending changes: all of them while the machine is down, those that can be plugged while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from tests.simulators.proxmox.call import Call
from tests.simulators.proxmox.cloudinit import OPTIONS as CLOUDINIT
from tests.simulators.proxmox.cloudinit import record, regenerate
from tests.simulators.proxmox.cluster import Machine
from tests.simulators.proxmox.config import is_drive
from tests.simulators.proxmox.drive import Drive, forget_used, parse_drive, retire
from tests.simulators.proxmox.formats import split_list
from tests.simulators.proxmox.options import parse_option

FAST = {
    *(
        "description",
        "hookscript",
        "lock",
        "migrate_downtime",
        "migrate_speed",
        "name",
        "onboot",
        "protection",
    ),
    *("shares", "startup", "tags", "vmstatestorage"),
    *CLOUDINIT,
    *(f"ipconfig{number}" for number in range(32)),
}
"""Options that a running machine takes at once, the cloud-init options among them: only the drive is behind."""

DEFAULT_HOTPLUG = "network,disk,usb"


class Skip(Exception):
    """This change waits for a restart."""


def apply_pending(call: Call, machine: Machine) -> dict[str, str]:
    """Take everything; the machine is down. Gives what could not be taken."""
    config = machine.config
    for option, force in config.deletions().items():
        if option in config and is_drive(option):
            detach(call, machine, option, force=force)
        config.unmark_deleted(option)
        config.pop(option, None)
    config.clean_pending()
    made_drive = False
    for option in list(config.pending):
        if is_drive(option):
            if option in config:
                retire(call.cluster, machine, parse_drive(call.version, option, config[option]))
            made_drive = made_drive or parse_drive(call.version, option, config.pending[option]).is_cloudinit
        write(machine, option, config.pending.pop(option))
    forget_used(machine)
    if made_drive:
        regenerate(call.cluster, machine)
    return {}


def detach(call: Call, machine: Machine, option: str, *, force: bool) -> None:
    drive = parse_drive(call.version, option, machine.config[option])
    if force and not drive.is_cdrom:
        call.demand(f"/vms/{machine.vmid}", "VM.Config.Disk")
        call.demand(f"/storage/{drive.storage}", "Datastore.AllocateSpace")
        call.cluster.release(machine.node, drive.file)
    else:
        retire(call.cluster, machine, drive)


def hotplug_pending(call: Call, machine: Machine, selection: Collection[str]) -> dict[str, str]:
    """Take what a running machine can take; the rest stays pending."""
    config = machine.config
    for option in [option for option in config.pending if option in FAST]:
        _take(machine, option, config.pending.pop(option))
    errors = _unplug(call, machine, selection) | _plug(call, machine, selection)
    if "cloudinit" in features(config.get("hotplug", "1")) and config.changed:
        regenerate(call.cluster, machine)
    return errors


def features(value: str) -> set[str]:
    if value == "0":
        return set()
    return set(split_list(DEFAULT_HOTPLUG if value == "1" else value))


def _take(machine: Machine, option: str, value: str | None) -> None:
    config = machine.config
    record(machine, option, config.get(option), value)
    write(machine, option, value)
    if machine.running is not None and option not in FAST:
        _mirror(machine, option, value)


def write(machine: Machine, option: str, value: str | None) -> None:
    """As it comes back from the file: nothing that is empty, no end of line after a description."""
    text = (value or "").rstrip() if option == "description" else value
    if text:
        machine.config[option] = text
    else:
        machine.config.pop(option, None)


def _mirror(machine: Machine, option: str, value: str | None) -> None:
    assert machine.running is not None
    if value is None:
        machine.running.pop(option, None)
    else:
        machine.running[option] = value


def _unplug(call: Call, machine: Machine, selection: Collection[str]) -> dict[str, str]:
    for option, force in machine.config.deletions().items():
        if option not in selection:
            continue
        try:
            _unplug_one(call, machine, option, force=force)
        except Skip:
            continue
        _take(machine, option, None)
        machine.config.unmark_deleted(option)
    return {}


def _unplug_one(call: Call, machine: Machine, option: str, *, force: bool) -> None:
    has = features(machine.config.get("hotplug", "1"))
    if option in FAST or option in ("cpuunits", "cpulimit"):
        return
    if option == "balloon" and machine.config.get("balloon") != "0":
        return
    if re.fullmatch(r"net\d+", option) and "network" in has:
        return
    if re.fullmatch(r"(scsi|virtio)\d+", option) and "disk" in has:
        if option in machine.config:
            detach(call, machine, option, force=force)
        return
    raise Skip


def _plug(call: Call, machine: Machine, selection: Collection[str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    pending = machine.config.pending
    for option in [key for key in pending if key in selection and key != "delete"]:
        try:
            _plug_one(call, machine, option, pending[option])
        except Skip:
            continue
        except ValueError as error:
            errors[option] = f"hotplug problem - {error}\n"
            continue
        _take(machine, option, pending.pop(option))
    return errors


def _plug_one(call: Call, machine: Machine, option: str, value: str) -> None:
    """Raises Skip where it takes a restart, ValueError where it cannot be."""
    for pattern, plug in _PLUGS:
        if re.fullmatch(pattern, option):
            plug(call, machine, option, value)
            return
    raise Skip


Plug = Callable[[Call, Machine, str, str], None]


def _at_once(call: Call, machine: Machine, option: str, value: str) -> None:
    """Nothing to do but to note it."""


def _plug_balloon(call: Call, machine: Machine, option: str, value: str) -> None:
    """Switching the device on or off takes a restart."""
    if (machine.config.get("balloon") != "0") != (value != "0"):
        raise Skip


def _plug_hotplug(call: Call, machine: Machine, option: str, value: str) -> None:
    both = value + machine.config.get("hotplug", "")
    if "memory" in both or "cpu" in both:
        raise Skip


def _plug_agent(call: Call, machine: Machine, option: str, value: str) -> None:
    """Only fstrim_cloned_disks matters to nothing that runs."""
    if option not in machine.config:
        raise Skip
    old, new = (parse_option(call.version, option, text) for text in (machine.config[option], value))
    if {key: old.get(key) for key in _AGENT} != {key: new.get(key) for key in _AGENT}:
        raise Skip


_AGENT = ("enabled", "type", "freeze-fs")


def _plug_card(call: Call, machine: Machine, option: str, value: str) -> None:
    if "network" in features(machine.config.get("hotplug", "1")):
        return
    if option not in machine.config:
        raise Skip
    old, new = (parse_option(call.version, option, text) for text in (machine.config[option], value))
    if any(old.get(key) != new.get(key) for key in ("model", "macaddr", "queues", "mtu")):
        raise Skip


_COLD = ("aio", "discard", "iothread", "queues", "product", "cache", "ssd", "vendor", "ro")
"""Parts of a drive that a running machine cannot take."""


def _plug_drive(call: Call, machine: Machine, option: str, value: str) -> None:
    drive = parse_drive(call.version, option, value)
    can = "disk" in features(machine.config.get("hotplug", "1"))
    if option in machine.config:
        old = parse_drive(call.version, option, machine.config[option])
        _swap_drive(call, machine, old, drive, can=can)
    elif not can or not option.startswith(("scsi", "virtio")):
        raise Skip


def _swap_drive(call: Call, machine: Machine, old: Drive, new: Drive, *, can: bool) -> None:
    if old.is_cdrom != new.is_cdrom:
        raise ValueError("unable to change media type")
    if old.is_cdrom:
        if new.file == "none" and old.is_cloudinit:
            retire(call.cluster, machine, old)
        return
    if old.file == new.file:
        if any(old.values.get(key) != new.values.get(key) for key in _COLD):
            raise Skip
        return
    if not can or not new.option.startswith(("scsi", "virtio")):
        raise Skip
    retire(call.cluster, machine, old)


_PLUGS: tuple[tuple[str, Plug], ...] = (
    (r"cpuunits|cpulimit", _at_once),
    (r"balloon", _plug_balloon),
    (r"hotplug", _plug_hotplug),
    (r"agent", _plug_agent),
    (r"net\d+", _plug_card),
    (r"(ide|sata|scsi|virtio)\d+", _plug_drive),
)
