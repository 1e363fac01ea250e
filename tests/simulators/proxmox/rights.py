"""Which privilege it takes to change which option."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.simulators.proxmox.call import Call
from tests.simulators.proxmox.cloudinit import OPTIONS as CLOUDINIT
from tests.simulators.proxmox.config import is_drive
from tests.simulators.proxmox.refusal import Refusal

_WORDS = {
    "VM.Config.CPU": "cores cpu runningcpu cpulimit cpuunits numa smp sockets vcpus",
    "VM.Config.Memory": "memory balloon shares allow-ksm",
    "VM.Config.HWType": (
        "acpi hotplug kvm machine runningmachine scsihw smbios1 tablet vga watchdog audio0 rng0"
    ),
    "VM.Config.Options": (
        "agent autostart bios description keyboard localtime migrate_downtime migrate_speed name onboot"
        " ostype protection reboot startdate startup tdf template"
    ),
    "VM.PowerMgmt": "freeze",
    "VM.Config.Disk": "boot bootdisk vmstatestorage",
}

PRIVILEGES = {option: privilege for privilege, words in _WORDS.items() for option in words.split()}

_LATER = re.compile(r"cdrom|tags|(?:unused|serial|usb|hostpci|virtiofs)\d+")
"""Options whose rights depend on the value, and are looked at when it is set."""


def demand_options(call: Call, options: Iterable[str]) -> None:
    for option in options:
        if not is_drive(option) and not _LATER.fullmatch(option):
            _demand(call, option)


def _demand(call: Call, option: str) -> None:
    path = f"/vms/{call.vmid}"
    if option in PRIVILEGES:
        call.demand(path, PRIVILEGES[option])
        if option == "startup":
            call.demand("/", "Sys.Modify")
    elif re.fullmatch(r"numa\d+", option):
        call.demand(path, "VM.Config.CPU")
    elif re.fullmatch(r"net\d+", option):
        call.demand(path, "VM.Config.Network")
    elif option in CLOUDINIT or re.fullmatch(r"ipconfig\d+", option):
        call.demand(path, "VM.Config.Cloudinit", "VM.Config.Network", some=True)
    else:
        raise Refusal(f"only root can set '{option}' config")
