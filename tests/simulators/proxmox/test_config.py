"""Configuration: the digest, what a running machine takes, pending changes, disks, cloud-init."""

from __future__ import annotations

import threading
from typing import Any

from tests.simulators.proxmox.client import KEYS, errors, made, reason, started, status
from tests.simulators.proxmox.simulator import Simulator


def pending(vm: Any) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in vm.pending.get() if row.keys() & {"pending", "delete"}}


def test_digest(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    config = node.qemu(2002).config
    digest = config.get()["digest"]
    config.put(cores=4, digest=digest)
    assert config.get()["digest"] != digest
    told = "500 checksum mismatch (file change by other user?)"
    assert reason(config.put, cores=5, digest=digest) == told
    proxmox.vm(2002).config["cores"] = "16"
    assert config.get()["cores"] == 16
    assert reason(node.qemu(2002).config.post, cores=5, digest=digest) == told


def test_stopped_takes_all_at_once(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(cores=8, memory=16384, balloon=0, ciuser="ops", sshkeys=KEYS, onboot=1)
    config = vm.config.get()
    assert (config["cores"], config["memory"], config["balloon"], config["onboot"]) == (8, "16384", 0, 1)
    assert pending(vm) == {}


def test_running_takes_some(proxmox: Simulator, api: Any, node: Any) -> None:
    started(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(cores=8, memory=4096, description="new", tags="b;a", scsi1="local-zfs:5", delete="vga")
    assert pending(vm) == {
        "cores": {"key": "cores", "value": 2, "pending": 8},
        "memory": {"key": "memory", "value": "2048", "pending": "4096"},
        "vga": {"key": "vga", "value": "serial0", "delete": 1},
    }
    now = vm.config.get(current=1)
    assert (now["cores"], now["tags"], now["description"], now["vga"]) == (2, "a;b", "new", "serial0")
    assert now["scsi1"] == "local-zfs:vm-2002-disk-1,size=5G"
    then = vm.config.get()
    assert then["cores"] == 8
    assert "vga" not in then


def test_reboot_takes_what_is_pending(proxmox: Simulator, api: Any, node: Any) -> None:
    started(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(cores=8)
    assert status(proxmox, vm.status.reboot.post()) == "OK"
    proxmox.settle()
    assert pending(vm) == {}
    assert vm.status.current.get()["status"] == "running"
    assert vm.status.current.get()["cpus"] == 8


def test_revert(proxmox: Simulator, api: Any, node: Any) -> None:
    started(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(cores=8, memory=4096)
    vm.config.put(revert="cores")
    assert set(pending(vm)) == {"memory"}


def test_hotplug_off(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api).config["hotplug"] = "0"
    started(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(scsi1="local-zfs:5", net1="virtio,bridge=vmbr0")
    assert set(pending(vm)) == {"scsi1", "net1"}


def test_disks(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(scsi1="local-zfs:250,iothread=1")
    assert vm.config.get()["scsi1"] == "local-zfs:vm-2002-disk-1,iothread=1,size=250G"
    vm.config.put(delete="scsi1")
    assert vm.config.get()["unused0"] == "local-zfs:vm-2002-disk-1"
    vm.config.put(delete="unused0")
    assert "unused0" not in vm.config.get()
    assert not proxmox.cluster.volume("node04", "local-zfs:vm-2002-disk-1")


def test_disks_refused(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    put = node.qemu(2002).config.put
    assert reason(put, scsi1="local-zfs:5,format=qcow2") == "500 unsupported format 'qcow2'"
    told = "500 zfs error: cannot create 'rpool/data/vm-2002-disk-1': out of space"
    assert reason(put, scsi1="local-zfs:2000") == told
    assert reason(put, scsi1="nowhere:5").startswith("500 storage 'nowhere' does not exist")
    assert errors(put, scsi1="local:5") == {"storage": "storage 'local' does not support vm images"}
    attached = "500 ide0 - cloud-init drive is already attached at 'ide2'"
    assert reason(put, ide0="local-zfs:cloudinit") == attached
    told = "500 volume local-zfs:vm-2002-disk-9 does not exist"
    assert reason(put, scsi1="local-zfs:vm-2002-disk-9") == told
    assert reason(put, boot="order=scsi7") == "500 invalid bootorder: device 'scsi7' does not exist'"


def test_storage_that_is_not_on_the_node(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    proxmox.cluster.storages["shared-nfs"].nodes = ("node01",)
    told = "500 storage 'shared-nfs' is not available on node 'node04'"
    assert reason(node.qemu(2002).config.put, scsi1="shared-nfs:5") == told


def test_what_fails_leaves_what_came_before_pending(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    assert reason(node.qemu(2002).config.put, cores=4, scsi1="local-zfs:2000").startswith("500 zfs error")
    assert set(pending(node.qemu(2002))) == {"cores"}
    assert node.qemu(2002).config.get(current=1)["cores"] == 2


def test_protection(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(protection=1)
    assert reason(vm.delete) == "500 can't remove VM 2002 - protection mode enabled"
    told = "500 can't remove drive 'scsi0' - protection mode enabled"
    assert reason(vm.config.put, delete="scsi0") == told


def test_words_that_contradict(node: Any) -> None:
    put = node.qemu(9000).config.put
    assert reason(put) == "500 no options specified"
    assert errors(put, delete="foobar") == {"delete": "unknown option 'foobar'"}
    assert set(errors(put, delete="cores", cores=4)) == {"delete"}
    told = "500 balloon value too large (must be smaller than assigned memory)"
    assert reason(put, balloon=9999) == told


def test_post_is_a_task(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    upid = node.qemu(2002).config.post(cores=4, scsi1="local-zfs:5")
    assert ":qmconfig:2002:" in upid
    assert status(proxmox, upid) == "OK"
    assert node.qemu(2002).config.get()["cores"] == 4
    upid = node.qemu(2002).config.post(scsi2="local-zfs:2000")
    assert str(status(proxmox, upid)).endswith("out of space")
    assert node.qemu(2002).config.post(cores=5, background_delay=5) is None
    told = reason(node.qemu(2002).config.post, scsi2="local-zfs:2000", background_delay=5)
    assert told.startswith("500 failed to update VM 2002: zfs error")


def test_changes_at_once_wait_for_each_other(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    calls = [
        threading.Thread(target=node.qemu(2002).config.post, kwargs={f"scsi{number}": "local-zfs:1"})
        for number in range(1, 6)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    proxmox.settle()
    assert {f"scsi{number}" for number in range(6)} <= proxmox.vm(2002).config.keys()
    assert len({value.split(",")[0] for _, value in proxmox.vm(2002).config.drives()}) == 7


def test_cloud_init_waits_for_its_drive(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(ciuser="ops", ipconfig0="ip=10.0.0.5/24,gw=10.0.0.1")
    started(proxmox, api)
    vm.config.put(ciuser="bob", sshkeys=KEYS)
    assert pending(vm) == {}
    rows = {row["key"]: row for row in vm.cloudinit.get()}
    assert rows["ciuser"] == {"key": "ciuser", "value": "ops", "pending": "bob"}
    assert rows["sshkeys"] == {"key": "sshkeys", "pending": KEYS}
    vm.cloudinit.put()
    assert {"key": "ciuser", "value": "bob"} in vm.cloudinit.get()


def test_cloud_init_files(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    vm = node.qemu(2002)
    vm.config.put(ciuser="ops", sshkeys=KEYS, ipconfig0="ip=10.0.0.5/24,gw=10.0.0.1", nameserver="10.0.0.2")
    user = vm.cloudinit.dump.get(type="user")
    assert user.startswith("#cloud-config\nhostname: pg01\nmanage_etc_hosts: true\nfqdn: pg01\nuser: ops\n")
    assert "  - ssh-ed25519 AAAA" in user
    network = vm.cloudinit.dump.get(type="network")
    assert (
        "        address: '10.0.0.5'\n        netmask: '255.255.255.0'\n        gateway: '10.0.0.1'\n"
        in network
    )
    assert vm.cloudinit.dump.get(type="meta").startswith("instance-id: ")
    guest: Any = started(proxmox, api).guest
    assert guest.boot.cloud_init.user_data == user


def test_secrets_are_hidden(proxmox: Simulator, api: Any, node: Any) -> None:
    made(proxmox, api)
    node.qemu(2002).config.put(cipassword="hush")
    assert node.qemu(2002).config.get()["cipassword"] == "**********"
    assert proxmox.vm(2002).config["cipassword"].startswith("$5$")
