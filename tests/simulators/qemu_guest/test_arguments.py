"""What QEMU is started with, against what qemu-server writes; and the time that the network tells."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import pytest

from tests.simulators.qemu_guest.arguments import Disk, Outside, arguments
from tests.simulators.qemu_guest.clock import TimeServer

FOLDER = Path("/run/101")
OUTSIDE = Outside("kvm", Path("/vmlinuz"), Path("/initrd"), "ro", FOLDER, FOLDER / "nocloud.iso", "tap1")
CONFIG = {
    "agent": "enabled=1",
    "cores": "4",
    "memory": "2048",
    "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
    "sockets": "2",
    "vmgenid": "90000000-0000-4000-8000-000000000002",
}


def line(*disks: Disk, **config: str) -> str:
    return " ".join(arguments({**CONFIG, **config}, list(disks), OUTSIDE))


@pytest.mark.parametrize(
    "part",
    [
        "-smp 8,sockets=2,cores=4,maxcpus=8",
        "-m 2048",
        "-device vmgenid,guid=90000000-0000-4000-8000-000000000002",
        "-device virtio-net-pci,mac=BC:24:11:00:00:01,netdev=net0,id=net0",
        "-device virtserialport,chardev=qga0,name=org.qemu.guest_agent.0",
        "-device ide-cd,bus=ide.1,unit=0,drive=drive-ide2,id=ide2",
        "-device virtio-balloon-pci,id=balloon0,free-page-reporting=on",
    ],
)
def test_part(part: str) -> None:
    assert part in line()


def test_disk() -> None:
    options = {"size": "2G", "iothread": "1", "ssd": "1", "discard": "on"}
    made = line(Disk("scsi1", FOLDER / "disk", options))
    assert "-device virtio-scsi-pci,id=virtioscsi1,iothread=iothread-virtioscsi1 " in made
    assert (
        "-device scsi-hd,bus=virtioscsi1.0,channel=0,scsi-id=0,lun=1,drive=drive-scsi1,id=scsi1"
        ",device_id=drive-scsi1,rotation_rate=1"
    ) in made


@pytest.mark.parametrize(("config", "absent"), [({"balloon": "0"}, "balloon"), ({"agent": "0"}, "qga0")])
def test_left_out(config: dict[str, str], absent: str) -> None:
    assert absent not in line(**config)


def test_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = TimeServer("127.0.0.1", port)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"\x23" + bytes(39) + b"12345678", ("127.0.0.1", port))
            told = client.recv(100)
    finally:
        server.close()
    assert told[24:32] == b"12345678"
    seconds = struct.unpack(">Q", told[40:48])[0] / 2**32 - 2208988800
    assert abs(seconds - time.time()) < 5
