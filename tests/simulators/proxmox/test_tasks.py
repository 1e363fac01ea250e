"""Tasks as the API shows them, and the other lists."""

from __future__ import annotations

from typing import Any

from tests.simulators.proxmox.client import errors, made, reason
from tests.simulators.proxmox.simulator import Simulator, simulator


def test_lists(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    node.qemu(2002).status.start.post()
    proxmox.settle()
    hold = proxmox.faults.hold_task()
    running = node.qemu(2002).status.shutdown.post()
    assert [task["status"] for task in node.tasks.get(source="active")] == ["RUNNING"]
    assert [task["upid"] for task in node.tasks.get(source="active", vmid=2002)] == [running]
    assert [task["type"] for task in node.tasks.get()] == ["qmstart", "qmclone"]
    assert [task["type"] for task in node.tasks.get(source="all", vmid=2002)] == ["qmshutdown", "qmstart"]
    assert [task["type"] for task in node.tasks.get(typefilter="qmclone")] == ["qmclone"]
    assert [task["id"] for task in node.tasks.get(limit=1, start=1)] == ["9000"]
    assert node.tasks.get(errors=1) == []
    assert len(node.tasks.get(statusfilter="ok")) == 2
    assert api.nodes("node01").tasks.get() == []
    hold.set()


def test_one(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    upid = proxmox.tasks[0].upid
    found = node.tasks(upid).status.get()
    assert found["exitstatus"] == "OK"
    assert (found["user"], found["tokenid"], found["type"], found["id"]) == (
        *("pgdeploy@pve", "deploy", "qmclone", "9000"),
    )
    assert upid.split(":")[2] == f"{found['pid']:08X}"
    assert node.tasks(upid).log.get(start=0, limit=1)[0]["n"] == 1
    assert errors(node.tasks("UPID:x").status.get) == {"upid": "unable to parse worker upid"}
    assert errors(node.tasks(upid.replace("ABCD", "ABCE")).status.get) == {"upid": "no such task"}


def test_next_id(api: Any) -> None:
    assert api.cluster.nextid.get() == "100"
    assert str(api.cluster.nextid.get(vmid=2002)) == "2002"
    assert errors(api.cluster.nextid.get, vmid=101) == {"vmid": "VM 101 already exists"}


def test_storages(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    assert {row["storage"] for row in node.storage.get(content="images")} == {"local-zfs", "shared-nfs"}
    assert {row["storage"] for row in node.storage.get(target="node01")} == {"shared-nfs"}
    found = node.storage("local-zfs").status.get()
    assert found["avail"] + found["used"] == found["total"]
    volumes = {row["volid"] for row in node.storage("local-zfs").content.get(vmid=2002)}
    assert volumes == {"local-zfs:vm-2002-disk-0", "local-zfs:vm-2002-cloudinit"}
    assert errors(node.storage("nowhere").status.get) == {"storage": "No such storage."}


def test_cluster_status_needs_audit_on_all(api: Any) -> None:
    assert reason(api.cluster.status.get) == "403 Permission check failed (/, Sys.Audit)"


def test_many_at_once() -> None:
    with simulator() as one, simulator("9.1") as other:
        assert one.port != other.port
        assert one.fingerprint.count(":") == 31
        assert one.ca.read_text().startswith("-----BEGIN CERTIFICATE-----")
