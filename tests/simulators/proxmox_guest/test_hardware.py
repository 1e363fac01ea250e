"""What a configuration says of disks, card and address."""

from __future__ import annotations

import pytest

from tests.simulators.proxmox_guest.hardware import address, drives, mac

NETWORK = """\
version: 1
config:
    - type: physical
      name: eth0
      subnets:
      - {subnet}
    - type: nameserver
      address: ['10.0.0.1']
"""


@pytest.mark.parametrize(
    ("size", "bytes_"), [("4M", 4 * 2**20), ("20G", 20 * 2**30), ("1T", 2**40), ("528K", 528 * 2**10)]
)
def test_drive(size: str, bytes_: int) -> None:
    (drive,) = drives({"scsi0": "local:base,size=8G", "scsi2": f"local:disk,size={size},ssd=1"})
    assert (drive.volume, drive.size) == ("local:disk", bytes_)
    assert drive.id == "scsi-0QEMU_QEMU_HARDDISK_drive-scsi2"


def test_drive_with_a_serial() -> None:
    (drive,) = drives({"scsi1": "local:disk,serial=data,size=1G"})
    assert drive.id == "scsi-0QEMU_QEMU_HARDDISK_data"


def test_no_drive() -> None:
    config = {"scsihw": "virtio-scsi-single", "scsi1": "local:cloudinit,media=cdrom,size=4M", "ide2": "none"}
    assert list(drives(config)) == []


@pytest.mark.parametrize(
    "net0", ["virtio=BC:24:11:00:00:01,bridge=vmbr0", "model=virtio,macaddr=BC:24:11:00:00:01"]
)
def test_mac(net0: str) -> None:
    assert mac({"net0": net0}) == "BC:24:11:00:00:01"


def test_no_card() -> None:
    assert mac({}) == ""


@pytest.mark.parametrize(
    "subnet",
    [
        "{type: static, address: 10.25.20.8, netmask: 255.255.255.0, gateway: 10.25.20.1}",
        "{type: static, address: 10.25.20.8/24, gateway: 10.25.20.1}",
    ],
)
def test_address(subnet: str) -> None:
    found = address(NETWORK.format(subnet=subnet))
    assert found is not None
    assert (str(found.interface), str(found.gateway)) == ("10.25.20.8/24", "10.25.20.1")


@pytest.mark.parametrize("text", ["", NETWORK.format(subnet="{type: dhcp4}")])
def test_no_address(text: str) -> None:
    assert address(text) is None
