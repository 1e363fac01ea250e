"""Property strings, sizes and formats, without a server."""

from __future__ import annotations

import pytest

from tests.simulators.proxmox.client import KEY
from tests.simulators.proxmox.drive import parse_drive, render_drive
from tests.simulators.proxmox.options import parse_option, render_option, shown
from tests.simulators.proxmox.quantity import format_size, parse_size
from tests.simulators.proxmox.refusal import Refusal
from tests.simulators.proxmox.server import decode
from tests.simulators.proxmox.values import unique_tags, validate_keys


@pytest.mark.parametrize(
    ("option", "given", "rendered"),
    [
        ("net0", "bridge=vmbr0,virtio=BC:24:11:00:00:01,firewall=yes", None),
        ("net0", "model=virtio,macaddr=BC:24:11:00:00:01,firewall=1,bridge=vmbr0", None),
        ("agent", "1,fstrim_cloned_disks=true", "1,fstrim_cloned_disks=1"),
        ("agent", "guest-fsfreeze=0,enabled=1", "1,freeze-fs=0"),
    ],
)
def test_one_form(option: str, given: str, rendered: str | None) -> None:
    card = "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1"
    assert render_option("9.2", option, parse_option("9.2", option, given)) == (rendered or card)


@pytest.mark.parametrize(
    ("option", "given", "told"),
    [
        ("net0", "virtio,virtio", "duplicate key"),
        ("net0", "virtio=BC:24:11:00:00:01,e1000=BC:24:11:00:00:02", "key alias 'model' is already defined"),
        ("agent", "1,enabled=1", "duplicate key in comma-separated list property: enabled"),
        ("agent", "=1", "missing key in comma-separated list property"),
    ],
)
def test_what_cannot_be_read(option: str, given: str, told: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_option("9.2", option, given)
    assert told in caught.value.message


def test_drives() -> None:
    drive = parse_drive("9.2", "scsi1", "size=32768M,file=a1:vm-1-disk-0,ssd=1")
    assert drive.values["size"] == str(32 << 30)
    assert render_drive("9.2", drive) == "a1:vm-1-disk-0,size=32G,ssd=1"
    assert parse_drive("9.2", "scsi1", "a1:2.5").new == ("a1", 2.5)


def test_sizes() -> None:
    assert [format_size(size) for size in (3584 << 20, 32 << 30, 1 << 40, 1500)] == [
        "3584M",
        "32G",
        "1T",
        "1500",
    ]
    assert [parse_size(text) for text in ("1.5G", "4MiB", "7", "x")] == [3 << 29, 4 << 20, 7, None]


def test_values_as_shown() -> None:
    assert [
        shown("9.2", *pair) for pair in (("cores", "4"), ("memory", "4"), ("onboot", "1"), ("cpulimit", "2"))
    ] == [
        *(4, "4", 1, "2"),
    ]


def test_forms() -> None:
    assert decode("a=1&b=x%3Dy;c=&d=1=2&e=%C3%BC+z") == {"a": "1", "b": "x=y", "c": "", "d": "1", "e": "ü z"}


def test_keys_and_tags() -> None:
    validate_keys(f"{KEY}\n\n{KEY}\n")
    with pytest.raises(Refusal, match="SSH public key validation error"):
        validate_keys(f"{KEY}\nssh-rsa no")
    assert unique_tags("b;A,a") == "a;b"
