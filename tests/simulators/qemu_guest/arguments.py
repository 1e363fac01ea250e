"""The command line of QEMU for a machine, as qemu-server writes it from the machine's configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.simulators.proxmox.options import memory

_TYPES = {"kvm": "host", "tcg": "Nehalem"}
"""Without KVM, about what Proxmox takes by itself, x86-64-v2-AES. Emulated AVX is slower than none; and on emulated
AES the kernel of Debian 12 has an oops, which udev then waits two minutes for."""


@dataclass(frozen=True)
class Disk:
    """One disk: its slot in Proxmox, its file, and how it was asked for."""

    slot: str
    file: Path
    options: Mapping[str, str]

    def arguments(self) -> Iterator[str]:
        """On a controller of its own, as virtio-scsi-single has it."""
        number, threads = int(self.slot.removeprefix("scsi")), ""
        if self.options.get("iothread") == "1":
            yield from ("-object", f"iothread,id=iothread-virtioscsi{number}")
            threads = f",iothread=iothread-virtioscsi{number}"
        yield from ("-device", f"virtio-scsi-pci,id=virtioscsi{number}{threads}")
        discard = "unmap" if self.options.get("discard") == "on" else "ignore"
        yield from (
            "-drive",
            f"file={self.file},if=none,id=drive-{self.slot},format=qcow2,cache=unsafe,discard={discard}",
        )
        device = f"scsi-hd,bus=virtioscsi{number}.0,channel=0,scsi-id=0,lun={number},drive=drive-{self.slot}"
        device += f",id={self.slot},device_id=drive-{self.slot}"
        device += ",rotation_rate=1" if self.options.get("ssd") == "1" else ""
        device += f",serial={self.options['serial']}" if "serial" in self.options else ""
        yield from ("-device", device)


@dataclass(frozen=True)
class Outside:
    """What the machine is given that is not in its configuration."""

    accelerator: str
    """`kvm` or `tcg`."""
    kernel: Path
    initrd: Path
    append: str
    folder: Path
    """Sockets and the console."""
    drive: Path | None
    """The image of the cloud-init drive."""
    tap: str


def split(value: str) -> tuple[str, dict[str, str]]:
    """The first part of an option of a machine, and the others by name."""
    first, *rest = value.split(",")
    return first, {key: text for key, _, text in (part.partition("=") for part in rest)}


def arguments(config: Mapping[str, str], disks: list[Disk], outside: Outside) -> list[str]:
    """All that stands after the name of the program."""
    made = ["-accel", outside.accelerator, "-machine", "pc", "-cpu", _TYPES[outside.accelerator]]
    if outside.accelerator == "tcg":
        made[1] = "tcg,thread=multi,tb-size=512"
    made += [*_board(config), *_console(outside.folder), *_boot(outside)]
    for disk in disks:
        made += disk.arguments()
    if outside.drive is not None:
        made += ["-drive", f"file={outside.drive},if=none,id=drive-ide2,media=cdrom,format=raw,readonly=on"]
        made += ["-device", "ide-cd,bus=ide.1,unit=0,drive=drive-ide2,id=ide2"]
    return [*made, *_card(config, outside.tap), *_agent(config, outside.folder)]


def _board(config: Mapping[str, str]) -> Iterator[str]:
    sockets, cores = int(config.get("sockets", "1")), int(config.get("cores", "1"))
    yield from ("-smp", f"{sockets * cores},sockets={sockets},cores={cores},maxcpus={sockets * cores}")
    yield from ("-m", str(memory(config)), "-nodefaults", "-display", "none")
    if "smbios1" in config:
        yield from ("-smbios", f"type=1,{config['smbios1']}")
    if "vmgenid" in config:
        yield from ("-device", f"vmgenid,guid={config['vmgenid']}")
    if config.get("balloon") != "0":
        yield from ("-device", "virtio-balloon-pci,id=balloon0,free-page-reporting=on")


def _console(folder: Path) -> Iterator[str]:
    yield from ("-qmp", f"unix:{folder}/qmp.sock,server=on,wait=off")
    yield from ("-chardev", f"file,id=serial0,path={folder}/console,append=on", "-serial", "chardev:serial0")


def _boot(outside: Outside) -> Iterator[str]:
    yield from ("-kernel", str(outside.kernel), "-initrd", str(outside.initrd), "-append", outside.append)


def _card(config: Mapping[str, str], tap: str) -> Iterator[str]:
    found = re.search(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", config.get("net0", ""))
    if found:
        yield from ("-netdev", f"type=tap,id=net0,ifname={tap},script=no,downscript=no")
        yield from ("-device", f"virtio-net-pci,mac={found[0]},netdev=net0,id=net0")


def _agent(config: Mapping[str, str], folder: Path) -> Iterator[str]:
    if re.match(r"(enabled=)?1", config.get("agent", "")):
        yield from ("-chardev", f"socket,path={folder}/agent.sock,server=on,wait=off,id=qga0")
        yield from ("-device", "virtio-serial,id=qga0")
        yield from ("-device", "virtserialport,chardev=qga0,name=org.qemu.guest_agent.0")
