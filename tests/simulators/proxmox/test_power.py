"""Start, stop, the guest agent; resize, removal, migration."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.simulators.proxmox.client import made, reason, refusal, started, status
from tests.simulators.proxmox.guest import HOST_KEY, RESULT, MemoryGuest
from tests.simulators.proxmox.simulator import Simulator


def test_start_and_stop(proxmox: Simulator, api: Any, node: Any) -> None:
    started(proxmox, api)
    vm = node.qemu(2002)
    assert vm.status.current.get()["status"] == "running"
    assert status(proxmox, vm.status.start.post()) == "VM 2002 already running"
    assert reason(vm.delete) == "500 VM 2002 is running - destroy failed"
    assert status(proxmox, vm.status.stop.post()) == "OK"
    assert vm.status.current.get()["status"] == "stopped"
    assert status(proxmox, vm.status.shutdown.post()) == "OK"
    assert reason(vm.status.reboot.post) == "500 VM 2002 not running"


def test_what_cannot_start(proxmox: Simulator, api: Any, node: Any) -> None:
    template = node.qemu(9000).status.start.post()
    assert status(proxmox, template) == "you can't start a vm if it's a template"
    config = made(proxmox, api).config
    config["cores"] = "21"
    told = "MAX 20 vcpus allowed per VM on this node"
    assert status(proxmox, node.qemu(2002).status.start.post()) == told
    config |= {"cores": "4", "memory": str(97 * 1024)}
    upid = node.qemu(2002).status.start.post()
    assert status(proxmox, upid) == "start failed: QEMU exited with code 1"
    lines = [line["t"] for line in node.tasks(upid).log.get()]
    assert "kvm: cannot set up guest memory 'pc.ram': Cannot allocate memory" in lines


def test_failed_start(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    proxmox.faults.fail_task(type="qmstart", text="start failed: QEMU exited with code 1")
    assert status(proxmox, node.qemu(2002).status.start.post()) == "start failed: QEMU exited with code 1"
    assert proxmox.vm(2002).running is None


def test_stubborn_guest(proxmox: Simulator, api: Any, node: Any) -> None:
    proxmox.guests = lambda vmid: MemoryGuest(vmid, stubborn=True)
    started(proxmox, api)
    vm = node.qemu(2002)
    assert status(proxmox, vm.status.shutdown.post()) == "VM quit/powerdown failed - got timeout"
    assert status(proxmox, vm.status.shutdown.post(forceStop=1)) == "OK"
    assert proxmox.vm(2002).running is None


def test_agent(proxmox: Simulator, api: Any, node: Any) -> None:
    proxmox.guests = lambda vmid: MemoryGuest(vmid, agent_delay=0.2, files_delay=0.4)
    made(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(ipconfig0="ip=10.0.0.5/24,gw=10.0.0.1")
    assert reason(vm.agent.ping.post) == "500 VM 2002 is not running"
    started(proxmox, api)
    assert reason(vm.agent.ping.post) == "500 QEMU guest agent is not running"
    time.sleep(0.25)
    assert vm.agent.ping.post() == {"result": {}}
    interfaces = {card["name"]: card for card in vm.agent("network-get-interfaces").get()["result"]}
    assert interfaces["eth0"]["ip-addresses"][0]["ip-address"] == "10.0.0.5"
    assert interfaces["eth0"]["hardware-address"].upper() in proxmox.vm(2002).config["net0"]
    told = refusal(vm.agent("file-read").get, file=RESULT)
    assert told.content == (
        "Agent error: failed to open file '/run/cloud-init/result.json' (mode: 'r'): No such file or directory"
    )
    time.sleep(0.25)
    assert json.loads(vm.agent("file-read").get(file=RESULT)["content"])["v1"]["errors"] == []
    assert vm.agent("file-read").get(file=HOST_KEY)["content"].startswith("ssh-ed25519 AAAA")
    assert vm.agent("file-read").get(file=HOST_KEY, count=3) == {
        "content": "ssh",
        "bytes-read": 3,
        "truncated": 1,
    }


def test_agent_that_is_not_configured(proxmox: Simulator, api: Any, node: Any) -> None:
    del made(proxmox, api).config["agent"]
    started(proxmox, api)
    assert reason(node.qemu(2002).agent.ping.post) == "500 No QEMU guest agent configured"
    node.qemu(2002).config.put(agent="enabled=1")
    assert reason(node.qemu(2002).agent.ping.post) == "500 No QEMU guest agent configured"


def test_host_key_stays_over_boots(proxmox: Simulator, api: Any, node: Any) -> None:
    started(proxmox, api)
    vm = node.qemu(2002)
    key = vm.agent("file-read").get(file=HOST_KEY)
    assert status(proxmox, vm.status.reboot.post()) == "OK"
    proxmox.settle()
    assert vm.agent("file-read").get(file=HOST_KEY) == key


def test_resize(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    vm = node.qemu(2002)

    def resized(**parameters: object) -> str | None:
        return status(proxmox, vm.resize.put(**parameters))

    assert resized(disk="scsi0", size="32G") == "OK"
    assert vm.config.get()["scsi0"] == "local-zfs:vm-2002-disk-0,size=32G"
    assert resized(disk="scsi0", size="+512M") == "OK"
    assert vm.config.get()["scsi0"].endswith("size=33280M")
    assert resized(disk="scsi0", size="8G") == "shrinking disks is not supported"
    assert resized(disk="scsi3", size="8G") == "disk 'scsi3' does not exist"
    assert resized(disk="ide2", size="8G") == "you can't resize a cdrom"
    assert str(resized(disk="scsi0", size="+2T")).endswith("out of space")
    told = "checksum mismatch (file change by other user?)"
    assert resized(disk="scsi0", size="+1G", digest="0" * 40) == told


def test_destroy(proxmox: Simulator, api: Any, node: Any) -> None:
    guest: Any = made(proxmox, api).guest
    upid = node.qemu(2002).delete(purge=1, **{"destroy-unreferenced-disks": 1})
    assert status(proxmox, upid) == "OK"
    assert 2002 not in proxmox.cluster.machines
    assert [volume.id for volume in proxmox.cluster.volumes() if volume.vmid == 2002] == []
    assert guest.destroyed


def test_migrate(proxmox: Simulator, api: Any, node: Any) -> None:
    machine = made(proxmox, api)
    assert reason(node.qemu(2002).migrate.post, target="node04") == "400 Parameter verification failed."
    assert status(proxmox, node.qemu(2002).migrate.post(target="node01")) == "OK"
    assert machine.node == "node01"
    assert proxmox.cluster.volume("node01", "local-zfs:vm-2002-disk-0")
    linked = node.qemu(9000).clone.post(newid=2003)
    assert status(proxmox, linked) == "OK"
    assert status(proxmox, node.qemu(2003).migrate.post(target="node01")) == "migration aborted"
    started(proxmox, api)
    told = "500 can't migrate running VM without --online"
    assert reason(api.nodes("node01").qemu(2002).migrate.post, target="node02") == told
