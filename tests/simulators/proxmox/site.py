"""A ready-made cluster: four nodes, a template to clone, and a machine that is none of ours."""

from __future__ import annotations

from tests.simulators.proxmox.cluster import Cluster, Node
from tests.simulators.proxmox.storage import GIB, Storage

TEMPLATE = {
    "agent": "enabled=1",
    "boot": "order=scsi0",
    "cores": "2",
    "ide2": "local-zfs:vm-9000-cloudinit,media=cdrom",
    "memory": "2048",
    "meta": "creation-qemu=10.1.2,ctime=1760000000",
    "name": "ubuntu-2404",
    "net0": "virtio=BC:24:11:90:00:01,bridge=vmbr0",
    "ostype": "l26",
    "scsi0": "local-zfs:base-9000-disk-0,size=3584M",
    "scsihw": "virtio-scsi-single",
    "serial0": "socket",
    "smbios1": "uuid=90000000-0000-4000-8000-000000000001",
    "template": "1",
    "vga": "serial0",
    "vmgenid": "90000000-0000-4000-8000-000000000002",
}

WEBSERVER = {
    "boot": "order=scsi0",
    "cores": "4",
    "memory": "4096",
    "name": "webserver",
    "net0": "virtio=BC:24:11:10:10:01,bridge=vmbr0",
    "onboot": "1",
    "ostype": "l26",
    "scsi0": "local-zfs:vm-101-disk-0,iothread=1,size=32G",
    "scsihw": "virtio-scsi-single",
    "smbios1": "uuid=10100000-0000-4000-8000-000000000001",
    "vmgenid": "10100000-0000-4000-8000-000000000002",
}


def fill(cluster: Cluster) -> None:
    for number in range(1, 5):
        name = f"node0{number}"
        cluster.nodes[name] = Node(
            name, cpus=20 if number == 4 else 16, memory=(96 if number == 4 else 64) * GIB
        )
    for storage in (
        Storage("local", "dir", ("iso", "vztmpl", "backup", "snippets"), 64 * GIB),
        Storage("local-zfs", "zfspool", ("images", "rootdir"), 1000 * GIB),
        Storage("shared-nfs", "nfs", ("images", "iso"), 2000 * GIB, shared=True),
    ):
        cluster.storages[storage.id] = storage
    cluster.add_machine(9000, "node04", TEMPLATE)
    cluster.add_machine(101, "node02", WEBSERVER)
