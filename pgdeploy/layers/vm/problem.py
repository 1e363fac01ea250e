"""What only the whole shows to be wrong about a VM: sums, addresses, and what settings and host take for granted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.cloud_init import fingerprint
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.model.vm import formats, is_key
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.vm import VmSpec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of the vm section; none without one."""
    vm = spec.vm
    if vm is None:
        return
    yield from _processors(spec, vm)
    yield from _memory(spec, vm)
    yield from _network(spec, vm)
    yield from _disks(vm)
    yield from _mounts(spec, vm)
    yield from _keys(vm)
    if vm.id == vm.template:
        yield Problem(("vm", "id"), f"{vm.id} is the template's own id; choose another")


def _processors(spec: Spec, vm: VmSpec) -> Iterator[Problem]:
    number = vm.sockets * vm.cores
    sum_ = f"{vm.sockets} sockets of {vm.cores} cores are {number} vCPUs"
    if vm.vcpus is not None and vm.vcpus != number:
        yield Problem(("vm", "vcpus"), f"read {vm.vcpus}, and {sum_}; `cores:` is of each socket")
    if spec.machine.cores is not None and spec.machine.cores != number:
        message = f"read {spec.machine.cores}, and {sum_}; leave it out, as `vm:` says it"
        yield Problem(("machine", "cores"), message)


def _memory(spec: Spec, vm: VmSpec) -> Iterator[Problem]:
    size = bytes_of(vm.memory)
    if vm.balloon and bytes_of(vm.balloon) > size:
        yield Problem(("vm", "balloon"), f"read {vm.balloon}; allowed: at most the memory, {vm.memory}")
    said = spec.machine.memory
    with suppress(ValueError):
        if said is not None and bytes_of(said) != size:
            message = f"read {said}, and the VM has {vm.memory}; leave it out, as `vm:` says it"
            yield Problem(("machine", "memory"), message)


def _network(spec: Spec, vm: VmSpec) -> Iterator[Problem]:
    network = vm.network
    own, whole, keys = network.interface.ip, network.interface.network, ("vm", "network")
    many = whole.num_addresses > 2
    if many and own == whole.network_address:
        yield Problem((*keys, "address"), f"{own} is the network {whole} itself; write the VM's own address")
    if many and own.version == 4 and own == whole.broadcast_address:
        yield Problem((*keys, "address"), f"{own} is the broadcast address of {whole}; write the VM's own")
    if network.gateway is not None:
        gateway = ip_address(network.gateway)
        if gateway == own:
            yield Problem((*keys, "gateway"), f"{gateway} is the VM's own address")
        elif gateway.version != own.version or (gateway not in whole and not gateway.is_link_local):
            yield Problem((*keys, "gateway"), f"{gateway} is not in {whole}, the network of `address:`")
    ssh = spec.connect.ssh if spec.connect is not None else None
    with suppress(ValueError):  # a name is asked of the network, later
        if ssh is not None and ip_address(ssh.host) != own:
            message = (
                f"{ssh.host} is not the VM's address; write {own}, or leave `connect:` out, as `vm:` says it"
            )
            yield Problem(("connect", "ssh", "host"), message)


def _disks(vm: VmSpec) -> Iterator[Problem]:
    for index, name in enumerate(vm.boot or ()):
        if name not in vm.disks:
            yield Problem(("vm", "boot", index), f"{name} is not among `disks:`: {', '.join(vm.disks)}")
    for name, disk in vm.disks.items():
        keys: Keys = ("vm", "disks", name)
        kind = vm.storage_type(disk.storage)
        if disk.format is not None and kind is None:
            message = (
                f"whether {disk.storage} can hold {disk.format} depends on its type; write `storages: "
                f"{{{disk.storage}: TYPE}}` into `vm:`, such as zfspool, lvmthin, dir, nfs"
            )
            yield Problem((*keys, "format"), message)
        elif disk.format is not None and kind is not None and disk.format not in formats(kind):
            allowed = ", ".join(formats(kind)) or "no disks at all"
            message = f"{disk.format} cannot be on {disk.storage}, which is {kind}; allowed: {allowed}"
            yield Problem((*keys, "format"), message)
        if disk.iothread is not None and name.startswith("sata"):
            yield Problem((*keys, "iothread"), "a sata disk has no iothread; leave it out, or use scsi")
        if disk.ssd is not None and name.startswith("virtio"):
            yield Problem((*keys, "ssd"), "a virtio disk has no ssd; leave it out, or use scsi")


def _mounts(spec: Spec, vm: VmSpec) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, disk in vm.disks.items():
        keys: Keys = ("vm", "disks", name, "mount")
        if disk.mount is None:
            continue
        if name == vm.boot_disk:
            yield Problem(keys, "this disk has the system; only others are formatted and mounted")
        elif not name.startswith("scsi"):
            yield Problem(keys, f"the guest cannot tell which disk is {name}; make it a scsi disk")
        if disk.mount in seen:
            yield Problem(keys, f"{disk.mount} is where {seen[disk.mount]} is mounted")
        seen[disk.mount] = name
    cluster = spec.host.cluster if spec.host is not None else None
    disk_name = seen.get(cluster.mount) if cluster is not None and cluster.mount is not None else None
    if cluster is None or disk_name is None:
        return
    if bytes_of(cluster.free) >= bytes_of(vm.disks[disk_name].size):
        message = f"{cluster.free} free are asked of {disk_name}, which has {vm.disks[disk_name].size}"
        yield Problem(("host", "cluster", "free"), message)


def _keys(vm: VmSpec) -> Iterator[Problem]:
    for index, text in enumerate(vm.cloud_init.ssh_keys):
        keys: Keys = ("vm", "cloud_init", "ssh_keys", index)
        if "PRIVATE KEY" in text:
            yield Problem(keys, "this is a private key; write the public one, and take this one out of use")
        elif len(text.strip().splitlines()) > 1:
            yield Problem(keys, "one key is one line")
        elif is_key(text):
            try:
                fingerprint(text, "this")
            except Unreadable as error:
                yield Problem(keys, f"{error}; such as: ssh-ed25519 AAAA... name")
