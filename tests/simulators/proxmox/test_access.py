"""Tokens, privileges, and which request needs which."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulators.proxmox.access import ADMINISTRATOR, Access
from tests.simulators.proxmox.client import connect, login, made, reason, started, status, without
from tests.simulators.proxmox.simulator import Simulator, simulator


def test_wrong_secret(proxmox: Simulator) -> None:
    proxmox.token()
    assert reason(login(proxmox, "0" * 36).version.get) == "401 Authentication failed!"
    assert reason(login(proxmox, "0" * 36, "other").version.get) == "401 Authentication failed!"


def test_wrong_secret_before_9_2() -> None:
    with simulator("9.1") as proxmox:
        proxmox.token()
        assert reason(login(proxmox, "0" * 36).version.get) == "401 invalid token value!"
        told = "401 no such token 'other' for user 'pgdeploy@pve'"
        assert reason(login(proxmox, "0" * 36, "other").version.get) == told


@pytest.mark.parametrize(
    ("privilege", "path"),
    [
        ("VM.Clone", "/vms/9000, VM.Clone"),
        ("VM.Allocate", None),
        ("Datastore.AllocateSpace", "/storage/local-zfs, Datastore.AllocateSpace"),
        ("SDN.Use", "/sdn/zones/localnetwork/vmbr0, SDN.Use"),
    ],
)
def test_clone_needs(proxmox: Simulator, privilege: str, path: str | None) -> None:
    api = connect(proxmox, without(privilege))
    told = f"403 Permission check failed ({path})" if path else "403 Permission check failed"
    assert reason(api.nodes("node04").qemu(9000).clone.post, newid=2002, full=1) == told


@pytest.mark.parametrize(
    ("privilege", "options"),
    [
        ("VM.Config.CPU", {"cores": 4}),
        ("VM.Config.Memory", {"memory": 4096}),
        ("VM.Config.Network", {"net0": "virtio,bridge=vmbr0"}),
        ("VM.Config.HWType", {"vga": "std"}),
        ("VM.Config.Options", {"onboot": 1}),
        ("VM.Config.Options", {"tags": "a"}),
        ("VM.Config.Disk", {"scsi1": "local-zfs:1"}),
        ("VM.Config.Disk", {"boot": "order=scsi0"}),
        ("VM.Config.Disk", {"delete": "scsi0"}),
        ("VM.Config.HWType", {"delete": "serial0"}),
        ("VM.Config.CDROM", {"ide0": "none,media=cdrom"}),
    ],
)
def test_config_needs(proxmox: Simulator, privilege: str, options: dict[str, Any]) -> None:
    made(proxmox, connect(proxmox, name="maker"))
    api = connect(proxmox, without(privilege))
    told = f"403 Permission check failed (/vms/2002, {privilege})"
    assert reason(api.nodes("node04").qemu(2002).config.put, **options) == told


def test_cloud_init_needs_one_of_two(proxmox: Simulator) -> None:
    made(proxmox, connect(proxmox, name="maker"))
    connect(proxmox, without("VM.Config.Network")).nodes("node04").qemu(2002).config.put(ciuser="a")
    api = connect(proxmox, without("VM.Config.Network", "VM.Config.Cloudinit"), "less")
    told = "403 Permission check failed (/vms/2002, VM.Config.Cloudinit|VM.Config.Network)"
    assert reason(api.nodes("node04").qemu(2002).config.put, ciuser="b") == told


def test_only_root(api: Any) -> None:
    config = api.nodes("node02").qemu(101).config
    assert reason(config.put, args="-foo") == "500 only root can set 'args' config"
    assert reason(config.put, skiplock=1, cores=1) == "400 Parameter verification failed."
    startup = "403 Permission check failed (/, Sys.Modify)"
    assert reason(config.put, startup="order=1") == startup


def test_agent_needs(proxmox: Simulator) -> None:
    started(proxmox, connect(proxmox, name="maker"))
    agent = connect(proxmox, without("VM.GuestAgent.FileRead")).nodes("node04").qemu(2002).agent
    agent("get-osinfo").get()
    told = "403 Permission check failed (/vms/2002, VM.GuestAgent.FileRead|VM.GuestAgent.Unrestricted)"
    assert reason(agent("file-read").get, file="/etc/passwd") == told


def test_resize_is_refused_in_its_task(proxmox: Simulator) -> None:
    made(proxmox, connect(proxmox, name="maker"))
    api = connect(proxmox, without("Datastore.AllocateSpace"))
    upid = api.nodes("node04").qemu(2002).resize.put(disk="scsi0", size="8G")
    told = "403 Permission check failed (/storage/local-zfs, Datastore.AllocateSpace)"
    assert status(proxmox, upid) == told


def test_lists_show_what_may_be_seen(proxmox: Simulator) -> None:
    api = connect(proxmox, {**ADMINISTRATOR, "/vms/101": ()})
    assert {row["vmid"] for row in api.cluster.resources.get(type="vm")} == {9000}
    assert api.nodes("node02").qemu.get() == []


def test_tasks_of_others(proxmox: Simulator) -> None:
    other = connect(proxmox, name="other")
    upid = other.nodes("node04").qemu(9000).clone.post(newid=2002, full=1)
    proxmox.settle()
    api = connect(proxmox, without("Sys.Audit"))
    node = api.nodes("node04")
    assert reason(node.tasks(upid).status.get) == "403 Permission check failed (/nodes/node04, Sys.Audit)"
    assert node.tasks.get() == []
    assert [task["upid"] for task in other.nodes("node04").tasks.get()] == [upid]


def test_permissions_of_oneself(proxmox: Simulator) -> None:
    api = connect(proxmox, {"/vms/9000": ["VM.Audit"], "/": ["Sys.Audit"]})
    assert api.access.permissions.get(path="/vms/9000") == {"/vms/9000": {"VM.Audit": 1}}
    assert api.access.permissions.get()["/nodes"] == {"Sys.Audit": 1}


def test_a_token_has_no_more_than_its_user() -> None:
    access = Access()
    access.token("a@pve", "t", {"/vms": ["VM.Audit", "VM.Clone"]}, {"/": ["VM.Audit"]})
    assert access.privileges("a@pve!t", "/vms/1") == frozenset({"VM.Audit"})
    assert access.privileges("root@pam", "/") is None
