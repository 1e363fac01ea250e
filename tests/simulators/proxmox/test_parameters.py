"""Parameters are refused as the real one refuses them, word for word."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.simulators.proxmox.client import KEYS, errors, made, reason
from tests.simulators.proxmox.simulator import Simulator

UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"newid": 2002, "foo": 1}, {"foo": UNKNOWN}),
        ({}, {"newid": "property is missing and it is not optional"}),
        ({"newid": "abc"}, {"newid": "type check ('integer') failed - got 'abc'"}),
        ({"newid": 99}, {"newid": "invalid format - value does not look like a valid VM ID\n"}),
        ({"newid": 2002, "full": "true"}, {"full": "type check ('boolean') failed - got 'true'"}),
        (
            {"newid": 2002, "name": "pg_01"},
            {"name": "invalid format - value does not look like a valid DNS name\n"},
        ),
        (
            {"newid": 2002, "format": "vdi"},
            {"format": "value 'vdi' does not have a value in the enumeration 'raw, qcow2, vmdk'"},
        ),
        ({"newid": 2002, "bwlimit": -1}, {"bwlimit": "value must have a minimum value of 0"}),
        ({"newid": 2002, "snapname": "a" * 41}, {"snapname": "value may only be 40 characters long"}),
    ],
)
def test_clone_parameters(node: Any, parameters: dict[str, Any], told: dict[str, str]) -> None:
    assert errors(node.qemu(9000).clone.post, **parameters) == told


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        (
            "net0",
            "virtio,bridg=vmbr0",
            "invalid format - invalid key in comma-separated list property: bridg\n",
        ),
        (
            "net0",
            "virtio=01:00:00:00:00:00,bridge=vmbr0",
            (
                "invalid format - format error\n"
                "net0.macaddr: invalid format - value does not look like a valid unicast MAC address\n\n"
            ),
        ),
        (
            "net0",
            "bridge=vmbr0",
            "invalid format - format error\nnet0.model: property is missing and it is not optional\n",
        ),
        (
            "scsi1",
            "local-zfs:10,cache=fast",
            (
                "invalid format - format error\nscsi1.cache: value 'fast' does not have a value in the enumeration"
                " 'none, writethrough, writeback, unsafe, directsync'\n"
            ),
        ),
        ("agent", "enabled=1,foo=2", "invalid format - invalid key in comma-separated list property: foo\n"),
        (
            "memory",
            "8",
            "invalid format - format error\nmemory.current: value must have a minimum value of 16\n",
        ),
        (
            "ipconfig0",
            "gw=10.0.0.1",
            "invalid format - format error\nipconfig0.ip: missing property required by 'ipconfig0.gw'\n",
        ),
        (
            "ipconfig0",
            "ip=10.0.0.5",
            (
                "invalid format - format error\nipconfig0.ip: invalid format - value does not look like a valid ipv4"
                " network configuration\n\n"
            ),
        ),
        ("sshkeys", "ssh-ed25519 AAAA", "invalid format - invalid urlencoded string: ssh-ed25519 AAAA\n"),
        ("tags", "a b;c,ü", "invalid format - invalid characters in tag\n"),
        ("nameserver", "no_host", "invalid format - value does not look like a valid address: no_host\n"),
        ("hotplug", "disks", "invalid format - invalid hotplug feature 'disks'\n"),
        ("startup", "first", "invalid format - unable to parse startup options\n"),
        ("boot", "order=cdrom", None),
        ("cores", "0", "value must have a minimum value of 1"),
        ("net32", "virtio,bridge=vmbr0", UNKNOWN),
        ("scsi01", "local-zfs:1", UNKNOWN),
        ("digest", "x" * 41, "value may only be 40 characters long"),
    ],
)
def test_options(node: Any, option: str, value: str, told: str | None) -> None:
    found = errors(node.qemu(9000).config.put, **{option: value})
    assert set(found) == {option}
    assert told is None or found[option] == told


def test_all_that_is_wrong_is_told_at_once(node: Any) -> None:
    assert set(errors(node.qemu(9000).config.put, cores="x", foo=1, ciuser="u", name="-")) == {
        *("cores", "foo", "name"),
    }


def test_keys_are_looked_at(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    config = node.qemu(2002).config
    assert reason(config.put, sshkeys="ssh-ed25519%20AAAA") == "500 SSH public key validation error"
    config.put(sshkeys=KEYS)
    assert config.get()["sshkeys"] == KEYS


def test_rights_come_before_parameters(proxmox: Simulator, api: Any) -> None:
    proxmox.cluster.access.tokens["pgdeploy@pve!deploy"].own = {}
    told = reason(api.nodes("node04").qemu(9000).clone.post, foo=1)
    assert told == "403 Permission check failed (/vms/9000, VM.Clone)"


def test_what_is_not_there(api: Any, node: Any) -> None:
    assert reason(node.qemu(9000).snapshot.get).startswith(
        "501 Method 'GET /nodes/node04/qemu/9000/snapshot'"
    )
    missing = "500 Configuration file 'nodes/node04/qemu-server/2002.conf' does not exist"
    assert reason(node.qemu(2002).config.get) == missing
    assert reason(api.nodes("node09").qemu.get).startswith("500 hostname lookup 'node09' failed - ")


def test_an_offline_node(proxmox: Simulator, api: Any) -> None:
    proxmox.cluster.nodes["node02"].online = False
    assert reason(api.nodes("node02").qemu(101).config.get) == "595 No route to host"
    assert [row["status"] for row in api.cluster.resources.get(type="vm") if row["vmid"] == 101] == [
        "unknown"
    ]
    assert [row["status"] for row in api.nodes.get() if row["node"] == "node02"] == ["offline"]


def test_the_reason_stands_in_the_status_line(proxmox: Simulator) -> None:
    secret = proxmox.token()
    answer = requests.get(
        f"https://localhost:{proxmox.port}/api2/json/nodes/node04/qemu/7/config",
        headers={"Authorization": f"PVEAPIToken=pgdeploy@pve!deploy={secret}"},
        verify=str(proxmox.ca),
        timeout=10,
    )
    assert (answer.status_code, answer.reason) == (400, "Parameter verification failed.")
    assert answer.json()["data"] is None
    assert answer.json()["message"] == "Parameter verification failed.\n"
    assert set(answer.json()["errors"]) == {"vmid"}
