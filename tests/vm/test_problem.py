"""What only the whole spec shows: sums, networks, formats, mounts, keys, and what other sections take for granted."""

from __future__ import annotations

import base64

import pytest

from tests.vm.conftest import OFFLINE, Offline
from tests.vm.site import KEY
from tests.vm.test_model import Case, case, more

TOP, DISKS = "postgres: 16", "  disks:"
NETWORK, CARD, KEYS = "  network:", "    bridge: vmbr0", f"[{KEY}]"
DATA = "{storage: local-zfs, size: 250GB"
MOUNT = "/var/lib/postgresql"
REST = OFFLINE.partition("size: 250GB}")[2]
BLOB = KEY.split()[1]
LEFT_OUT = "leave it out, as `vm:` says it"
NO_KEY = "this holds what is no public ssh key; such as: ssh-ed25519 AAAA... name"


def _like_a_key(type_inside: str) -> str:
    inner = type_inside.encode()
    return base64.b64encode(len(inner).to_bytes(4, "big") + inner + b"x" * 36).decode()


CASES = [
    case(
        "  id: 2002",
        "  id: 9000",
        "  id: 9001",
        "8:7: vm.id: 9000 is the template's own id; choose another",
    ),
    # -- processors and memory -------------------------------------------------------------------------
    more(
        DISKS,
        "vcpus: 4",
        "vcpus: 8",
        "15:10: vm.vcpus: read 4, and 2 sockets of 4 cores are 8 vCPUs; `cores:` is of each socket",
    ),
    case(
        "sockets: 2\n  cores: 4",
        "sockets: 2\n  cores: 8\n  vcpus: 8",
        "sockets: 1\n  cores: 8\n  vcpus: 8",
        "14:10: vm.vcpus: read 8, and 2 sockets of 8 cores are 16 vCPUs; `cores:` is of each socket",
    ),
    case(
        TOP,
        f"{TOP}\nmachine: {{cores: 16}}",
        f"{TOP}\nmachine: {{cores: 8}}",
        f"2:18: machine.cores: read 16, and 2 sockets of 4 cores are 8 vCPUs; {LEFT_OUT}",
    ),
    case(
        TOP,
        f"{TOP}\nmachine: {{memory: 32GB}}",
        f"{TOP}\nmachine: {{memory: 49152MB}}",
        f"2:19: machine.memory: read 32GB, and the VM has 48GB; {LEFT_OUT}",
    ),
    more(
        DISKS,
        "balloon: 64GB",
        "balloon: 48GB",
        "15:12: vm.balloon: read 64GB; allowed: at most the memory, 48GB",
    ),
    case(
        TOP,
        f"{TOP}\nsettings: {{shared_buffers: 48GB}}",
        f"{TOP}\nsettings: {{shared_buffers: 12GB}}",
        "2:28: settings.shared_buffers: 48GB is all of the VM's memory, 48GB, or more: PostgreSQL would not start",
    ),
    case(
        "memory: 48GB",
        "memory: 128MB",
        "memory: 129MB",
        "1:1: settings.shared_buffers: 128MB is all of the VM's memory, 128MB, or more: PostgreSQL would not start",
    ),
    # -- network ---------------------------------------------------------------------------------------
    case(
        "address: 10.25.20.8/24",
        "address: 10.25.20.0/24",
        "address: 10.25.20.0/16",
        "20:14: vm.network.address: 10.25.20.0 is the network 10.25.20.0/24 itself; write the VM's own address",
    ),
    case(
        "address: 10.25.20.8/24",
        "address: 10.25.20.255/24",
        "address: 10.25.20.255/23",
        "20:14: vm.network.address: 10.25.20.255 is the broadcast address of 10.25.20.0/24; write the VM's own",
    ),
    case(
        "address: 10.25.20.8/24",
        "address: '2001:db8::/64'",
        "address: '2001:db8::ffff:ffff:ffff:ffff/64'",
        "20:14: vm.network.address: 2001:db8:: is the network 2001:db8::/64 itself; write the VM's own address",
    ),
    more(
        CARD,
        "gateway: 10.25.21.1",
        "gateway: 10.25.20.1",
        "19:14: vm.network.gateway: 10.25.21.1 is not in 10.25.20.0/24, the network of `address:`",
    ),
    more(
        CARD,
        "gateway: 10.25.20.8",
        "gateway: 10.25.20.254",
        "19:14: vm.network.gateway: 10.25.20.8 is the VM's own address",
    ),
    more(
        CARD,
        "gateway: fe80::1",
        "gateway: 10.25.20.9",
        "19:14: vm.network.gateway: fe80::1 is not in 10.25.20.0/24, the network of `address:`",
    ),
    case(
        "address: 10.25.20.8/24",
        "address: '2001:db8::8/64'\n    gateway: '2001:db9::1'",
        "address: '2001:db8::8/64'\n    gateway: fe80::1",
        "21:14: vm.network.gateway: 2001:db9::1 is not in 2001:db8::/64, the network of `address:`",
    ),
    case(
        TOP,
        f"{TOP}\nconnect: {{ssh: {{host: 10.25.20.9}}}}",
        f"{TOP}\nconnect: {{ssh: {{host: pg01.example.org}}}}",
        "2:23: connect.ssh.host: 10.25.20.9 is not the VM's address; write 10.25.20.8, "
        "or leave `connect:` out, as `vm:` says it",
    ),
    # -- disks -----------------------------------------------------------------------------------------
    more(
        NETWORK,
        "boot: [scsi0, scsi9]",
        "boot: [scsi0, scsi1]",
        "18:17: vm.boot[1]: scsi9 is not among `disks:`: scsi0, scsi1",
    ),
    case(
        "size: 32GB",
        "size: 32GB, format: qcow2",
        "size: 32GB, format: raw",
        "16:53: vm.disks.scsi0.format: qcow2 cannot be on local-zfs, which is zfspool; allowed: raw",
    ),
    case(
        "storage: local-zfs, size: 32GB",
        "storage: local-lvm, size: 32GB, format: vmdk",
        "storage: local, size: 32GB, format: vmdk",
        "16:53: vm.disks.scsi0.format: vmdk cannot be on local-lvm, which is lvmthin; allowed: raw",
    ),
    case(
        DATA + "}",
        "{storage: fast, size: 250GB, format: qcow2}",
        "{storage: fast, size: 250GB, format: qcow2}\n  storages: {fast: nfs}",
        "17:49: vm.disks.scsi1.format: whether fast can hold qcow2 depends on its type; write `storages: "
        "{fast: TYPE}` into `vm:`, such as zfspool, lvmthin, dir, nfs",
    ),
    case(
        DATA + "}",
        "{storage: local, size: 250GB, format: qcow2}\n  storages: {local: btrfs}",
        "{storage: local, size: 250GB, format: raw}\n  storages: {local: btrfs}",
        "17:50: vm.disks.scsi1.format: qcow2 cannot be on local, which is btrfs; allowed: raw",
    ),
    case(
        DATA + "}",
        "{storage: ceph, size: 250GB, format: raw}\n  storages: {ceph: cephfs}",
        "{storage: ceph, size: 250GB, format: raw}\n  storages: {ceph: rbd}",
        "17:49: vm.disks.scsi1.format: raw cannot be on ceph, which is cephfs; allowed: no disks at all",
    ),
    case(
        f"scsi1: {DATA}",
        f"sata1: {DATA}, iothread: true",
        f"virtio1: {DATA}, iothread: true",
        "17:56: vm.disks.sata1.iothread: a sata disk has no iothread; leave it out, or use scsi",
    ),
    case(
        f"scsi1: {DATA}",
        f"virtio1: {DATA}, ssd: true",
        f"sata1: {DATA}, ssd: true",
        "17:53: vm.disks.virtio1.ssd: a virtio disk has no ssd; leave it out, or use scsi",
    ),
    # -- mounts ----------------------------------------------------------------------------------------
    case(
        "size: 32GB}",
        "size: 32GB, mount: /data}",
        "size: 32GB}\n    scsi2: {storage: local-zfs, size: 1GB, mount: /data}",
        "16:52: vm.disks.scsi0.mount: this disk has the system; only others are formatted and mounted",
    ),
    case(
        DATA,
        f"{DATA}, mount: /data}}\n    scsi2: {{storage: local-zfs, size: 1GB, mount: /data",
        f"{DATA}, mount: /data}}\n    scsi2: {{storage: local-zfs, size: 1GB, mount: /data/wal",
        "18:51: vm.disks.scsi2.mount: /data is where scsi1 is mounted",
    ),
    *(
        case(
            f"size: 250GB}}{REST}",
            f"size: 250GB, mount: {MOUNT}}}{REST}host: {{cluster: {{mount: {MOUNT}, free: {free}}}}}\n",
            f"size: 250GB, mount: {MOUNT}}}{REST}host: {{cluster: {{mount: {MOUNT}, free: 249GB}}}}\n",
            f"23:52: host.cluster.free: {free} free are asked of scsi1, which has 250GB",
        )
        for free in ("250GB", "1TB")
    ),
    # -- keys ------------------------------------------------------------------------------------------
    case(KEYS, "[ssh-ed25519 AAAA!]", KEYS, f"22:16: vm.cloud_init.ssh_keys[0]: {NO_KEY}"),
    case(KEYS, "[ssh-ed25519 cnNhLWZha2Uta2V5 a]", KEYS, f"22:16: vm.cloud_init.ssh_keys[0]: {NO_KEY}"),
    case(
        KEYS,
        f"[ssh-rsa {BLOB} a]",
        f"[ssh-rsa {_like_a_key('ssh-rsa')} a]",
        f"22:16: vm.cloud_init.ssh_keys[0]: {NO_KEY}",
    ),
    case(
        KEYS,
        '["-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXk=\\n"]',
        "[~/.ssh/id_ed25519.pub]",
        "22:16: vm.cloud_init.ssh_keys[0]: this is a private key; write the public one, and take this one out of use",
    ),
    case(
        KEYS,
        f'["ssh-ed25519 {BLOB} a\\nssh-ed25519 {BLOB} b"]',
        f"[ssh-ed25519 {BLOB} a, ssh-ed25519 {BLOB} b]",
        "22:16: vm.cloud_init.ssh_keys[0]: one key is one line",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_at_its_place(case: Case, offline: Offline) -> None:
    assert offline.problems(case.old, case.broken) == list(case.says)


@pytest.mark.parametrize("case", CASES)
def test_the_mended_twin_loads(case: Case, offline: Offline) -> None:
    assert offline.problems(case.old, case.mended) == []


def test_a_private_key_is_not_shown(offline: Offline) -> None:
    inside = "b3BlbnNzaC1rZXktdjEAAAAA"
    said = offline.problems(KEYS, f'["-----BEGIN OPENSSH PRIVATE KEY-----\\n{inside}\\n"]')
    assert len(said) == 1
    assert inside not in said[0]


def test_all_that_is_wrong_is_said_at_once(offline: Offline) -> None:
    said = offline.problems(
        "  id: 2002\n  name: proj-pg01\n", "  id: 9000\n  name: proj-pg01\n  vcpus: 4\n  balloon: 64GB\n"
    )
    assert [line.split(": ")[1] for line in said] == ["vm.id", "vm.vcpus", "vm.balloon"]


def test_a_spec_without_a_vm_has_no_problem_of_one(offline: Offline) -> None:
    assert offline.problems(OFFLINE, "postgres: 16\nmachine: {cores: 3, memory: 1GB}\n") == []
