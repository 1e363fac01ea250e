"""Cloning: what is refused, what the new machine looks like meanwhile, and what is left on failure."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.simulators.proxmox.client import made, reason, status
from tests.simulators.proxmox.simulator import Simulator


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"storage": "local-zfs"}, "parameter 'storage' not allowed for linked clones"),
        ({"format": "raw"}, "parameter 'format' not allowed for linked clones"),
        ({"target": "node01", "full": 1}, "can't clone VM to node 'node01' (VM uses local storage)"),
        (
            {"target": "node01", "full": 1, "storage": "shared-nfs"},
            "can't clone VM to node 'node01' (VM uses local storage)",
        ),
        (
            {"target": "node01", "full": 1, "storage": "local-zfs"},
            "can't clone to non-shared storage 'local-zfs'",
        ),
        ({"full": 1, "storage": "nowhere"}, "storage 'nowhere' does not exist"),
        ({"newid": 9000}, "unable to create VM 9000: config file already exists"),
        ({"snapname": "before"}, "snapshot 'before' does not exist"),
    ],
)
def test_refused(node: Any, parameters: dict[str, Any], told: str) -> None:
    assert reason(node.qemu(9000).clone.post, **{"newid": 2002, **parameters}) == f"500 {told}"


def test_storage_without_images(node: Any) -> None:
    told = "400 Parameter verification failed."
    assert reason(node.qemu(9000).clone.post, newid=2002, full=1, storage="local") == told


def test_locked(proxmox: Simulator, node: Any) -> None:
    proxmox.vm(9000).config["lock"] = "backup"
    assert reason(node.qemu(9000).clone.post, newid=2002) == "500 VM is locked (backup)"


def test_taken_on_another_node_is_found_by_the_task(proxmox: Simulator, node: Any) -> None:
    told = status(proxmox, node.qemu(9000).clone.post(newid=101))
    assert (
        told == "close (rename) atomic file '/etc/pve/nodes/node04/qemu-server/101.conf' failed: File exists"
    )
    assert proxmox.vm(101).config["name"] == "webserver"


def test_full(proxmox: Simulator, api: Any) -> None:
    machine = made(proxmox, api, description="first\nsecond\n")
    config, template = machine.config, proxmox.vm(9000).config
    assert config["scsi0"] == "local-zfs:vm-2002-disk-0,size=3584M"
    assert config["ide2"] == "local-zfs:vm-2002-cloudinit,media=cdrom,size=4M"
    assert config["description"] == "first\nsecond"
    assert config["name"] == "pg01"
    assert not {"lock", "template"} & config.keys()
    for option in ("net0", "smbios1", "vmgenid"):
        assert config[option] != template[option]
    assert config["net0"].startswith("virtio=BC:24:11:")
    assert proxmox.tasks[0].upid.endswith(":qmclone:9000:pgdeploy@pve!deploy:")


def test_linked(proxmox: Simulator, node: Any) -> None:
    assert status(proxmox, node.qemu(9000).clone.post(newid=2002)) == "OK"
    config = node.qemu(2002).config.get()
    assert config["scsi0"] == "local-zfs:base-9000-disk-0/vm-2002-disk-0,size=3584M"
    assert config["name"] == "Copy-of-VM-ubuntu-2404"
    assert status(proxmox, node.qemu(9000).delete()) == (
        "base volume 'local-zfs:base-9000-disk-0' is still in use by linked cloned"
    )


def test_only_templates_can_be_linked(api: Any) -> None:
    told = "500 Linked clone feature is not supported for 'local-zfs:vm-101-disk-0' (scsi0)"
    assert reason(api.nodes("node02").qemu(101).clone.post, newid=2002, full=0) == told


def test_format_falls_back_to_what_the_storage_can(proxmox: Simulator, api: Any) -> None:
    assert made(proxmox, api, format="qcow2").config["scsi0"].startswith("local-zfs:vm-2002-disk-0,")
    machine = made(proxmox, api, 2003, format="qcow2", storage="shared-nfs")
    assert machine.config["scsi0"] == "shared-nfs:2003/vm-2003-disk-0.qcow2,size=3584M"


def test_stages(proxmox: Simulator, node: Any) -> None:
    proxmox.durations["qmclone"] = 0.4
    node.qemu(9000).clone.post(newid=2002, name="pg01", description="mark", full=1)
    seen: list[dict[str, Any]] = []
    while not seen or "lock" in seen[-1]:
        seen.append(node.qemu(2002).config.get())
        time.sleep(0.01)
    assert seen[0].keys() == {"description", "lock", "digest"}
    assert seen[0]["description"] == " qmclone temporary file"
    half = [config for config in seen if config.get("name") == "pg01" and "lock" in config]
    assert half
    assert half[0]["description"] == "mark"
    assert "scsi0" not in half[0]
    assert reason(node.qemu(2002).config.get, snapshot="xy") == "500 snapshot 'xy' does not exist"


def test_locked_meanwhile(proxmox: Simulator, node: Any) -> None:
    hold = proxmox.faults.hold_task(type="qmclone")
    upid = node.qemu(9000).clone.post(newid=2002, full=1)
    time.sleep(0.1)
    assert reason(node.qemu(2002).config.put, cores=1) == "500 VM is locked (clone)"
    again = "500 unable to create VM 2002: config file already exists"
    assert reason(node.qemu(9000).clone.post, newid=2002) == again
    assert node.tasks(upid).status.get()["status"] == "running"
    hold.set()
    assert status(proxmox, upid) == "OK"


def test_target_on_shared_storage(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api, 2003, storage="shared-nfs")
    upid = node.qemu(2003).clone.post(newid=2004, target="node01", full=1)
    assert status(proxmox, upid) == "OK"
    assert proxmox.vm(2004).node == "node01"


def test_failure_leaves_nothing(proxmox: Simulator, node: Any) -> None:
    proxmox.faults.fail_task(type="qmclone", text="zfs error: pool I/O is suspended")
    upid = node.qemu(9000).clone.post(newid=2002, full=1)
    assert status(proxmox, upid) == "clone failed: zfs error: pool I/O is suspended"
    assert 2002 not in proxmox.cluster.machines
    assert [volume.id for volume in proxmox.cluster.volumes() if volume.vmid == 2002] == []
    assert node.tasks(upid).log.get()[-1]["t"].startswith("TASK ERROR: clone failed: ")


def test_full_storage(proxmox: Simulator, node: Any) -> None:
    proxmox.cluster.storages["local-zfs"].used = 994 << 30
    upid = node.qemu(9000).clone.post(newid=2002, full=1)
    told = "clone failed: zfs error: cannot create 'rpool/data/vm-2002-disk-0': out of space"
    assert status(proxmox, upid) == told
    assert 2002 not in proxmox.cluster.machines


def test_stopped_task(proxmox: Simulator, node: Any) -> None:
    proxmox.faults.hold_task(type="qmclone")
    upid = node.qemu(9000).clone.post(newid=2002, full=1)
    node.tasks(upid).delete()
    assert status(proxmox, upid) == "clone failed: interrupted by signal"
    assert 2002 not in proxmox.cluster.machines
