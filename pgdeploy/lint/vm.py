"""PGD00x: the virtual machine under the server: what takes memory from it, and what it would not survive."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.layers.host.layout import Layout
from pgdeploy.lint.rule import Hit, Severity, rule
from pgdeploy.lint.size import human
from pgdeploy.lint.subject import Subject
from pgdeploy.model.host.amount import bytes_of

_GUIDE = "Proxmox VE Administration Guide, {} (https://pve.proxmox.com/pve-docs/chapter-qm.html#{})"
_MEMORY = _GUIDE.format("Memory", "qm_memory")
_STARTUP = _GUIDE.format("Automatic Start and Shutdown", "qm_startup_and_shutdown")
_OPTIONS = "Proxmox VE Administration Guide, Options of qm (https://pve.proxmox.com/pve-docs/qm.1.html)"
_DISK = _GUIDE.format("Hard Disk", "qm_hard_disk")


@rule("PGD001", Severity.WARNING, "the VM may be shrunk below shared_buffers", _MEMORY)
def low_balloon(subject: Subject) -> Iterator[Hit]:
    """When memory is short on its node, Proxmox lets the balloon in the guest grow until only `balloon:` is
    left to it. PostgreSQL takes shared_buffers at its start and never gives them back; once they are touched
    they are in use. A guest that is shrunk below them swaps its buffers out, or its kernel kills the server;
    with huge pages it is worse, as those can neither be swapped nor be given to the balloon. Write
    `balloon: false`, or a floor that holds shared_buffers, the sessions and the system."""
    vm = subject.spec.vm
    if vm is None or not vm.balloon or bytes_of(vm.balloon) >= (shared := subject.bytes("shared_buffers")):
        return
    pages = (
        ", in huge pages that cannot be swapped"
        if subject.value("huge_pages") == "on" or _reserves_pages(subject)
        else ""
    )
    message = (
        f"the VM may be shrunk to {human(bytes_of(vm.balloon))}, and PostgreSQL holds {human(shared)} of "
        f"shared_buffers{pages}; write `balloon: false`, or a floor above it"
    )
    yield Hit("vm[balloon]", ("vm", "balloon"), message)


def _reserves_pages(subject: Subject) -> bool:
    host = subject.spec.host
    return host is not None and host.kernel is not None and bool(host.kernel.huge_pages)


@rule("PGD002", Severity.NOTE, "the VM does not start with its node", _STARTUP)
def not_on_boot(subject: Subject) -> Iterator[Hit]:
    """After a power cut or an update of the node, Proxmox starts those VMs that say `onboot`, and leaves all
    others down until somebody notices. A database is what others wait for, so it is mostly meant to come
    back by itself. Write `onboot: true`; or, where high availability or a person decides when it starts,
    say so in a waiver."""
    vm = subject.spec.vm
    if vm is not None and not vm.onboot:
        said = (
            "`onboot: false` is written"
            if vm.onboot is False
            else "`onboot:` is not written, and off by default"
        )
        yield Hit(
            "vm[onboot]", ("vm", "onboot"), f"{said}: after its node it stays down; write `onboot: true`"
        )


@rule("PGD003", Severity.NOTE, "the VM and its disks can be removed", _OPTIONS)
def unprotected(subject: Subject) -> Iterator[Hit]:
    """`protection: true` makes Proxmox refuse to remove the VM or one of its disks, whoever asks and with
    whatever rights. It costs nothing, and stands between a mistyped id and the database. It does not keep
    anybody from stopping the VM or from writing into it. Removing it on purpose takes two steps then: write
    `protection: false`, `pgdeploy vm apply`, and then destroy it."""
    vm = subject.spec.vm
    if vm is not None and not vm.protection:
        message = "one request removes the VM and its data; write `protection: true`"
        yield Hit("vm[protection]", ("vm", "protection"), message)


@rule("PGD004", Severity.NOTE, "data and system are on one disk", _DISK)
def one_disk(subject: Subject) -> Iterator[Hit]:
    """A data directory on the disk of the system shares its fate: a log or a package cache that grows fills
    the disk that WAL is written to, and PostgreSQL stops. The system cannot be made anew from its template
    without the data, and the data cannot have a size, a storage or a backup of its own. Give the VM a second
    disk with `mount:`, and let data_directory be under that."""
    vm, layout = subject.spec.vm, Layout(subject.spec)
    if vm is None or layout.disk_under(layout.data_directory) is not None:
        return
    keys = subject.keys("data_directory") if subject.written("data_directory") else ("vm", "disks")
    message = (
        f"{layout.data_directory} is on {vm.boot_disk}, the disk of the system; give the VM a disk with `mount:`, "
        "and let data_directory be under it"
    )
    yield Hit("vm[disks]", keys, message)


RULES = (low_balloon, not_on_boot, unprotected, one_disk)
