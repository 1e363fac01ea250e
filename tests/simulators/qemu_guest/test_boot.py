"""What the other guests only stand for: that a kernel, udev, cloud-init and netplan make of Proxmox's hardware
and drive what pgdeploy counts on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgdeploy.layers.host.guest import MEMORY_SEEN, device_of
from tests.simulators.proxmox.guest import RESULT, AgentAbsent, Boot, NoSuchFile
from tests.simulators.proxmox_guest.boot import MAC, boot
from tests.simulators.qemu_guest.guest import QemuGuest
from tests.simulators.qemu_guest.lab import QemuLab

pytestmark = pytest.mark.long

TIMEOUT = 600
HARDWARE = {
    "agent": "enabled=1",
    "balloon": "0",
    "sockets": "2",
    "cores": "1",
    "memory": "1024",
    "scsi0": "local-lvm:vm-101-disk-0,size=5G",
    "scsi1": "local-lvm:vm-101-disk-1,discard=on,iothread=1,size=1G,ssd=1",
}


@pytest.fixture(scope="module")
def lab(machines: None) -> Iterator[QemuLab]:
    with QemuLab() as made:
        yield made


@pytest.fixture(scope="module")
def first(lab: QemuLab) -> Boot:
    made = boot(lab.subnet, 8, "ssh-ed25519 none")
    return replace(made, config={**made.config, **HARDWARE})


@pytest.fixture(scope="module")
def guest(lab: QemuLab, first: Boot) -> QemuGuest:
    made = lab.guest(101)
    made.start(first)
    assert booted(made)["errors"] == []
    return made


def booted(guest: QemuGuest) -> dict[str, object]:
    """What cloud-init says when it has finished."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            content = guest.agent("guest-file-read", {"path": RESULT})
        except (AgentAbsent, NoSuchFile):
            time.sleep(0.5)
        else:
            assert isinstance(content, bytes)
            found: dict[str, object] = json.loads(content)["v1"]
            return found
    raise AssertionError(guest.console[-3000:])


def size(guest: QemuGuest, disk: str) -> int:
    return int(guest.run(f"blockdev --getsize64 {device_of(disk)}"))


def test_disks_have_the_names_that_we_look_for(guest: QemuGuest) -> None:
    """Whatever order Linux saw them in."""
    assert (size(guest, "scsi0"), size(guest, "scsi1")) == (5 << 30, 1 << 30)
    device = guest.run(f"basename $(readlink -f {device_of('scsi1')})")
    assert guest.run(f"cat /sys/block/{device}/queue/rotational") == "0"
    assert guest.run(f"cat /sys/block/{device}/queue/discard_max_bytes") != "0"


def test_processors_and_memory(guest: QemuGuest) -> None:
    assert guest.run("nproc; lscpu | sed -n 's/^Socket(s): *//p'") == "2\n2"
    seen = int(guest.run("sed -n 's/^MemTotal: *//p' /proc/meminfo").removesuffix(" kB")) << 10
    assert MEMORY_SEEN <= seen / (1 << 30) <= 1


def test_the_system_took_all_of_its_disk(guest: QemuGuest) -> None:
    assert int(guest.run("df --output=size -BM / | tail -1").removesuffix("M")) > 4800


def test_address(guest: QemuGuest, lab: QemuLab) -> None:
    cards = guest.agent("guest-network-get-interfaces", {})
    assert isinstance(cards, list)
    card = next(card for card in cards if card["name"] == "eth0")
    assert card["hardware-address"] == MAC.format(8).lower()
    assert {"ip-address": str(lab.subnet[8]), "ip-address-type": "ipv4", "prefix": 24} in card["ip-addresses"]
    assert guest.run("ip route show default").startswith(f"default via {lab.subnet[1]} ")


def test_grown_in_use_and_kept(guest: QemuGuest, first: Boot) -> None:
    """A disk that becomes larger while it is mounted, an online resize2fs, a reboot, and its line of fstab."""
    disk = device_of("scsi1")
    guest.run(f"mkfs.ext4 -q -m 0 {disk} && mkdir /data && udevadm settle")
    guest.run(f"echo UUID=$(blkid -s UUID -o value {disk}) /data ext4 noatime,nofail 0 2 >>/etc/fstab")
    guest.run("systemctl daemon-reload && systemctl start data.mount && echo kept >/data/file")
    guest.resize("scsi1", 2 << 30)
    assert size(guest, "scsi1") == 2 << 30
    guest.run(f"resize2fs $(readlink -f {disk})")
    assert int(guest.run("df --output=size -BM /data | tail -1").removesuffix("M")) > 1900

    guest.shutdown()
    with pytest.raises(AgentAbsent):
        guest.agent("guest-ping", {})
    larger = {"scsi1": "local-lvm:vm-101-disk-1,size=3G"}
    guest.start(replace(first, config={**first.config, **larger}))
    booted(guest)
    assert guest.run("cat /data/file; findmnt -no OPTIONS /data | grep -o noatime") == "kept\nnoatime"
    assert size(guest, "scsi1") == 3 << 30
