"""What a test can arrange to go wrong, and that each request and task can be counted."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from tests.simulators.proxmox.client import made, reason, status
from tests.simulators.proxmox.simulator import Simulator


def clones(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("/clone")


def test_answer_instead(proxmox: Simulator, api: Any, node: Any) -> None:
    proxmox.faults.answer(2, 596)
    api.version.get()
    assert reason(api.version.get).startswith("596")
    api.version.get()
    proxmox.faults.answer(1, 500, "proxy loop detected", clones)
    api.version.get()
    assert reason(node.qemu(9000).clone.post, newid=2002) == "500 proxy loop detected"
    assert proxmox.tasks == []


def test_dropped_before(proxmox: Simulator, node: Any) -> None:
    proxmox.faults.drop(1, clones)
    with pytest.raises(requests.ConnectionError):
        node.qemu(9000).clone.post(newid=2002)
    assert proxmox.tasks == []


def test_lost_answer(proxmox: Simulator, node: Any) -> None:
    proxmox.faults.lose(1, clones)
    with pytest.raises(requests.ConnectionError):
        node.qemu(9000).clone.post(newid=2002)
    proxmox.settle()
    assert [task.exitstatus for task in proxmox.tasks] == ["OK"]
    assert 2002 in proxmox.cluster.machines
    assert proxmox.requests[-1].status is None


def test_hang(proxmox: Simulator, api: Any) -> None:
    proxmox.faults.hang(1, 0.3)
    begin = time.monotonic()
    api.version.get()
    assert time.monotonic() - begin > 0.3


def test_nth_task(proxmox: Simulator, api: Any, node: Any) -> None:
    proxmox.faults.fail_task(2, text="no luck")
    made(proxmox, api)
    assert status(proxmox, node.qemu(2002).resize.put(disk="scsi0", size="8G")) == "no luck"
    assert node.qemu(2002).config.get()["scsi0"].endswith("size=3584M")
    assert status(proxmox, node.qemu(2002).resize.put(disk="scsi0", size="8G")) == "OK"


def test_all_is_recorded(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    reason(node.qemu(9000).clone.post, newid=9000)
    first, second = proxmox.requests
    assert (first.method, first.path) == ("POST", "/nodes/node04/qemu/9000/clone")
    assert first.parameters == {"newid": "2002", "name": "pg01", "full": "1"}
    assert (first.user, first.status, second.status) == ("pgdeploy@pve!deploy", 200, 500)
    assert [(task.type, task.id) for task in proxmox.tasks] == [("qmclone", "9000")]


def test_every_request(proxmox: Simulator, api: Any) -> None:
    proxmox.faults.answer(0, 595)
    assert reason(api.version.get).startswith("595")
    assert reason(api.version.get).startswith("595")
    proxmox.faults.clear()
    api.version.get()


def test_resources_lag_behind(proxmox: Simulator, api: Any) -> None:
    proxmox.cluster.lag = 0.5
    made(proxmox, api)
    row = next(row for row in api.cluster.resources.get(type="vm") if row["vmid"] == 2002)
    assert row == {"id": "qemu/2002", "vmid": 2002, "node": "node04", "type": "qemu", "status": "unknown"}
    time.sleep(0.5)
    row = next(row for row in api.cluster.resources.get(type="vm") if row["vmid"] == 2002)
    assert row["name"] == "pg01"


def test_what_waits_at_the_end_ends(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    proxmox.faults.hold_task(type="qmconfig")
    node.qemu(2002).config.post(cores=3)
    node.qemu(2002).status.start.post()
