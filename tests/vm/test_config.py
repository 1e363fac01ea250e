"""Proxmox's own spelling of things: property strings, sizes, flags, and the answers that facts are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.layers.vm.config import (
    bytes_of_disk,
    disks,
    is_cloud_init,
    is_on,
    join,
    shown,
    split,
    storage_of,
)
from pgdeploy.layers.vm.disk import Disk, disks_of
from pgdeploy.layers.vm.fact import ClusterFact, Listed, NodeFact, addresses_in, read_cluster, read_machine
from pgdeploy.layers.vm.machine import memory_of
from pgdeploy.layers.vm.option import read_flag, set_property
from tests.vm.site import Site

GIB = 1 << 30
ANSWERS = Path(__file__).parent.parent / "simulators/proxmox/answers"

KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), max_size=20)
FIRST = st.text(st.characters(exclude_characters=",=", exclude_categories=["Cs"]), min_size=1, max_size=20)
"""What stands without its key: were there a `=` in it, it would be a key and its value."""


# -- property strings ----------------------------------------------------------------------------------


@given(st.dictionaries(KEYS, VALUES), st.one_of(st.none(), FIRST))
def test_properties_survive_their_text(rest: dict[str, str], first: str | None) -> None:
    properties = {**({"file": first} if first is not None else {}), **{f"x{key}": rest[key] for key in rest}}
    assert split(join(properties, "file"), "file") == properties


@given(st.dictionaries(KEYS, VALUES), FIRST)
def test_a_text_survives_its_properties(rest: dict[str, str], first: str) -> None:
    text = ",".join([first, *(f"x{key}={value}" for key, value in rest.items())])
    assert join(split(text, "file"), "file") == text


@given(st.dictionaries(KEYS, VALUES), FIRST, KEYS, st.one_of(st.none(), VALUES))
def test_writing_one_property_leaves_the_others(
    rest: dict[str, str], first: str, field: str, value: str | None
) -> None:
    before = {"file": first, **{f"x{key}": text for key, text in rest.items()}}
    config = {"scsi0": join(before, "file"), "name": "a"}
    written = set_property("scsi0", "file", f"x{field}", value)(config)
    after = split(written["scsi0"], "file")
    assert written["name"] == "a"
    assert after.pop(f"x{field}", None) == value
    before.pop(f"x{field}", None)
    assert after == before


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        (
            "local-zfs:vm-1-disk-0,iothread=1,size=32G",
            {"file": "local-zfs:vm-1-disk-0", "iothread": "1", "size": "32G"},
        ),
        ("file=local-zfs:vm-1-disk-0", {"file": "local-zfs:vm-1-disk-0"}),
        ("none,media=cdrom", {"file": "none", "media": "cdrom"}),
        ("", {}),
        ("a,,b=c=d", {"file": "a", "b": "c=d"}),
    ],
)
def test_property_strings_are_read(text: str, properties: dict[str, str]) -> None:
    assert split(text, "file") == properties


def test_an_option_of_which_nothing_is_left_goes() -> None:
    assert set_property("net0", "model", "tag", None)({"net0": "tag=20", "name": "a"}) == {"name": "a"}


def test_nothing_is_written_of_what_was_not_there() -> None:
    assert set_property("ipconfig0", "", "gw", None)({"name": "a"}) == {"name": "a"}


# -- sizes and flags -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("32G", 32 * GIB),
        ("3584M", 3584 << 20),
        ("528K", 528 << 10),
        ("1T", 1024 * GIB),
        ("1.5G", 3 * GIB // 2),
        ("4194304", 4 << 20),
        ("", 0),
        ("much", 0),
        ("32GB", 0),
    ],
)
def test_sizes_of_disks_are_read(text: str, size: int) -> None:
    assert bytes_of_disk(text) == size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (32 * GIB, "32GB"),
        (1024 * GIB, "1024GB"),
        (3584 << 20, "3584MB"),
        (528 << 10, "528kB"),
        (5, "5B"),
        (0, "0B"),
    ],
)
def test_sizes_are_shown_as_a_spec_writes_them(size: int, text: str) -> None:
    assert shown(size) == text


@given(st.integers(0, 1 << 50))
def test_two_sizes_are_never_shown_alike(size: int) -> None:
    """Else drift of a few bytes would read as `32GB -> 32GB`."""
    units = {"GB": GIB, "MB": 1 << 20, "kB": 1 << 10}
    text = shown(size)
    unit = text.lstrip("0123456789")
    assert int(text.removesuffix(unit)) * units.get(unit, 1) == size


@pytest.mark.parametrize(
    ("text", "on"),
    [("1", True), ("on", True), ("Yes", True), ("TRUE", True), ("0", False), ("off", False), ("", False)],
)
def test_flags_are_read_in_each_spelling(text: str, on: bool) -> None:
    assert is_on(text) is on


@pytest.mark.parametrize(
    ("text", "said"), [("a:b,discard=on", "on"), ("a:b,discard=ignore", "off"), ("a:b", "off")]
)
def test_discard_is_no_boolean(text: str, said: str) -> None:
    assert read_flag("scsi0", "file", "discard")({"scsi0": text}) == said


@pytest.mark.parametrize(
    ("config", "size"),
    [({"memory": "2048"}, 2048 << 20), ({"memory": "current=4096"}, 4 * GIB), ({}, GIB // 2)],
)
def test_memory_is_read_in_both_spellings(config: dict[str, str], size: int) -> None:
    assert memory_of(config) == size


# -- drives --------------------------------------------------------------------------------------------


def test_drives_are_told_from_what_only_looks_like_them() -> None:
    config = {
        "scsi0": "local-zfs:vm-1-disk-0",
        "virtio15": "a:1",
        "sata5": "a:2",
        "ide2": "local-zfs:vm-1-cloudinit,media=cdrom",
        "ide0": "local:iso/cloudinit.iso",
        "scsihw": "virtio-scsi-single",
        "unused0": "a:3",
    }
    found = disks(config)
    assert sorted(found) == ["ide0", "ide2", "sata5", "scsi0", "virtio15"]
    assert [name for name, drive in found.items() if is_cloud_init(drive)] == ["ide2"]


@pytest.mark.parametrize(
    ("volume", "storage"), [("local-zfs:vm-1-disk-0", "local-zfs"), ("none", "none"), ("", "")]
)
def test_the_storage_of_a_volume(volume: str, storage: str) -> None:
    assert storage_of(volume) == storage


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("local-zfs:vm-1-disk-0,size=32G", "raw"),
        ("nfs:1/vm-1-disk-0.qcow2,size=32G", "qcow2"),
        ("nfs:1/vm-1-disk-0.vmdk", "vmdk"),
        ("nfs:32,format=qcow2", "qcow2"),
        ("local-lvm:vm-1.5-disk", "raw"),
    ],
)
def test_the_format_is_read_from_the_volume(text: str, said: str, site: Site) -> None:
    site.change(
        "scsi1: {storage: local-zfs, size: 250GB}", "scsi1: {storage: shared-nfs, size: 250GB, format: raw}"
    )
    site.change("  network:", "  storages: {shared-nfs: nfs}\n  network:")
    (option,) = (option for option in _disk(site, "scsi1").options() if option.field == "format")
    assert option.read({"scsi1": text}) == said


def test_a_disk_that_is_asked_for_has_that_size(site: Site) -> None:
    assert _disk(site, "scsi1").size({"scsi1": "local-zfs:250,format=raw"}) == 250 * GIB


def _disk(site: Site, name: str) -> Disk:
    return next(disk for disk in disks_of(site.declared) if disk.disk == name)


# -- answers, as real clusters gave them ---------------------------------------------------------------


class Recorded:
    """Answers by the path that was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def get(self, *path: object, **_: object) -> Any:
        return self.answers["/".join(map(str, path))]


def _recorded(name: str) -> Any:
    return json.loads((ANSWERS / f"{name}.json").read_text(encoding="utf-8"))["data"]


def test_addresses_are_read_from_a_recorded_answer() -> None:
    assert addresses_in(_recorded("interfaces")) == ["10.1.2.3/24"]


def test_addresses_of_the_loopback_and_of_cards_without_any_are_none() -> None:
    loopback = {"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1", "prefix": 8}]}
    bare = {"name": "eth1", "hardware-address": "bc:24:11:00:00:01"}
    two = {
        "name": "eth0",
        "ip-addresses": [{"ip-address": "10.0.0.8", "prefix": 24}, {"ip-address": "fe80::1", "prefix": 64}],
    }
    assert addresses_in({"result": [loopback, bare, two]}) == ["10.0.0.8/24", "fe80::1/64"]


def test_a_cluster_is_read_from_a_recorded_answer() -> None:
    node = {"type": "node", **_recorded("nodes")[0]}
    cluster = read_cluster(_api({"cluster/resources": [node, *_recorded("resources")]}))
    seen = {"testnode": NodeFact("online", node["maxcpu"], node["maxmem"])}
    assert cluster == ClusterFact(seen, {101: Listed(101, "test1", "pve2", False)}, {})


def test_a_container_has_its_id_too() -> None:
    row = {"type": "lxc", "vmid": 2002, "name": "dns", "node": "node01"}
    assert read_cluster(_api({"cluster/resources": [row]})).vms == {
        2002: Listed(2002, "container dns", "node01", False, container=True)
    }


def test_a_storage_is_read() -> None:
    row = {
        "type": "storage",
        "node": "node04",
        "storage": "local-zfs",
        "plugintype": "zfspool",
        "content": "images,rootdir",
        "shared": 0,
        "status": "available",
        "disk": 100,
        "maxdisk": 1000,
    }
    (storage,) = read_cluster(_api({"cluster/resources": [row]})).storages.values()
    assert (storage.type, storage.shared, storage.usable) == ("zfspool", False, True)
    assert storage.content == {"images", "rootdir"}


def test_a_machine_is_read_from_a_recorded_answer() -> None:
    """As another version gave it: numbers are text to us, and what is pending is laid over it."""
    here = "nodes/node02/qemu/101"
    machine = read_machine(
        _api(
            {
                f"{here}/config": _recorded("config"),
                f"{here}/pending": [
                    {"key": "cores", "value": 1, "pending": 4},
                    {"key": "onboot", "value": 1, "delete": 1},
                    {"key": "name", "value": "test-qemu"},
                ],
                f"{here}/status/current": _recorded("qemu")[0],
                f"{here}/cloudinit": [],
            }
        ),
        Listed(101, "test-qemu", "node02", False),
    )
    assert machine.config["cores"] == "1"
    assert "digest" not in machine.config
    assert machine.digest == "460add1531a7068d2ae62d54f67e8fb9493dece9"
    assert machine.pending == {"cores": ("1", "4"), "onboot": ("1", None)}
    assert not machine.running
    assert str(machine.addresses) == "the VM does not run"


_api: Callable[[dict[str, Any]], Any] = Recorded
"""Stands for the API; nothing of it but `get` is asked."""
