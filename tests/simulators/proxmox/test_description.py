"""What is implemented is in Proxmox's description, and what is answered fits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.simulators.proxmox.api import MODULES
from tests.simulators.proxmox.call import HANDLERS
from tests.simulators.proxmox.client import connect, started
from tests.simulators.proxmox.description import FAMILIES, FOLDERS, operations
from tests.simulators.proxmox.formats import CHECKS, NESTED
from tests.simulators.proxmox.simulator import simulator

UNCHECKED = {
    *("pve-cpuset", "pve-iface", "pve-poolid", "pve-qemu-sev-fmt", "pve-qemu-tdx-fmt", "pve-qm-cicustom"),
    *("pve-qm-hostpci", "pve-qm-ide", "pve-qm-rng", "pve-qm-smbios1", "pve-qm-watchdog", "pve-vm-cpu-conf"),
    *("pve-storage-content", "storage-pair", "pve-volume-id-or-absolute-path"),
    *("pve-command-batch", "pve-qm-virtiofs", "pve-vlan-id-or-range"),
}
"""Formats that the simulator takes as they come."""


@pytest.mark.parametrize("version", FOLDERS)
def test_every_handler_is_described(version: str) -> None:
    assert MODULES
    assert [key for key in HANDLERS if key not in operations(version)] == []


@pytest.mark.parametrize("version", FOLDERS)
def test_every_format_is_checked_or_known_not_to_be(version: str) -> None:
    found: set[str] = set()
    for key in HANDLERS:
        _formats(operations(version)[key].properties, found)
    known = CHECKS.keys() | NESTED.keys() | UNCHECKED
    assert {name for name in found if name.removesuffix("-list") not in known} == set()


def _formats(node: Any, found: set[str]) -> None:
    if not isinstance(node, Mapping):
        return
    if isinstance(node.get("format"), str):
        found.add(node["format"])
    for value in node.values():
        _formats(value, found)


@pytest.mark.parametrize("version", FOLDERS)
def test_families_are_those_of_the_description(version: str) -> None:
    properties = operations(version)["PUT", "/nodes/{node}/qemu/{vmid}/config"].properties
    assert {name for name in properties if name.endswith("[n]")} == set(FAMILIES)


@pytest.mark.parametrize("version", FOLDERS)
def test_answers_fit_what_the_description_says_of_them(version: str) -> None:
    with simulator(version) as proxmox:
        api = connect(proxmox, acl=None)
        upid = api.nodes("node04").qemu(9000).clone.post(newid=2002, name="pg01", full=1)
        proxmox.settle()
        started(proxmox, api)
        places = {"node": "node04", "vmid": "2002", "storage": "local-zfs", "upid": upid}
        needed = {"dump": {"type": "user"}, "file-read": {"file": "/run/cloud-init/result.json"}}
        for method, path in HANDLERS:
            if method == "GET":
                answer = api(path.format(**places)).get(**needed.get(path.rpartition("/")[2], {}))
                _fits(operations(version)[method, path].returns, answer, path)


def _fits(schema: Mapping[str, Any], answer: Any, place: str) -> None:
    kinds: dict[object, Any] = {
        "array": list,
        "object": dict,
        "integer": int,
        "boolean": int,
        "string": str,
        "number": (int, float),
    }
    kind = schema.get("type")
    if kind in kinds:
        assert isinstance(answer, kinds[kind]) or str(answer).isdecimal(), f"{place}: {answer!r} is no {kind}"
    if isinstance(answer, list):
        for item in answer:
            _fits(schema.get("items", {}), item, f"{place}[]")
    if isinstance(answer, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in answer:
                _fits(inner, answer[name], f"{place}.{name}")
            else:
                assert inner.get("optional") or name.endswith("[n]"), f"{place}: {name} is missing"
