"""Start, stop and destroy a VM that its spec made."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.vm.config import hard_disks, is_on
from pgdeploy.layers.vm.fact import read_vm
from pgdeploy.layers.vm.refuse import require_ours
from pgdeploy.layers.vm.task import await_task
from pgdeploy.reach.proxmox import ProxmoxError

if TYPE_CHECKING:
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.layers.vm.fact import MachineFact
    from pgdeploy.reach.proxmox import Proxmox

Note = Callable[[str], None]

_VOLUME = re.compile(r"unused\d+|efidisk0|tpmstate0|vmstate").fullmatch


def require_made(declared: DeclaredVm, proxmox: Proxmox) -> MachineFact:
    """The VM that this target made.

    Raises:
        TargetError: there is none, or another made it.
    """
    fact = read_vm(proxmox, declared.vm)
    if fact.machine is None:
        raise TargetError(f"{declared.target}: there is no VM {declared.vm.id}; {declared.apply} makes it")
    require_ours(declared, fact.machine)
    return fact.machine


def _require_in_hand(declared: DeclaredVm, proxmox: Proxmox) -> MachineFact:
    """The VM that this target made, when its power is ours to switch."""
    machine = require_made(declared, proxmox)
    if machine.managed:
        raise TargetError(
            f"{declared.target}: HA manages VM {machine.id}: ha-manager set vm:{machine.id} --state started, or stopped"
        )
    _require_unlocked(declared, machine)
    return machine


def _require_unlocked(declared: DeclaredVm, machine: MachineFact) -> None:
    if machine.lock:
        raise TargetError(
            f"{declared.target}: VM {machine.id} is locked ({machine.lock}); wait until it is done"
        )


def start(declared: DeclaredVm, proxmox: Proxmox, deadline: Deadline, note: Note) -> None:
    """Start it; nothing is done when it runs.

    Raises:
        TargetError: it is not there, not ours, or does not start.
    """
    machine = _require_in_hand(declared, proxmox)
    if machine.running:
        note(f"VM {machine.id} runs already")
        return
    try:
        _do(proxmox, machine, "start", "start it", deadline, note)
    except ProxmoxError:
        if not require_made(declared, proxmox).running:
            raise
        note(f"VM {machine.id} runs")  # another start was faster


def stop(
    declared: DeclaredVm, proxmox: Proxmox, deadline: Deadline, note: Note, *, force: bool = False
) -> None:
    """Shut it down, or pull the plug with `force`; nothing is done when it does not run.

    Raises:
        TargetError: it is not there, not ours, or does not stop.
    """
    machine = _require_in_hand(declared, proxmox)
    if not machine.running:
        note(f"VM {machine.id} does not run")
        return
    _halt(proxmox, machine, deadline, note, force=force)


def _halt(proxmox: Proxmox, machine: MachineFact, deadline: Deadline, note: Note, *, force: bool) -> None:
    verb, what = ("stop", "stop it at once") if force else ("shutdown", "shut it down")
    try:
        _do(proxmox, machine, verb, what, deadline, note)
    except ProxmoxError as error:
        if force or "powerdown failed" not in error.reason:
            raise
        raise TargetError(f"{error}; the guest ignored shutdown; --force powers it off") from None


def require_destroyable(declared: DeclaredVm, proxmox: Proxmox) -> MachineFact:
    """The VM, when it may be destroyed.

    Raises:
        TargetError: it is not there, not ours, or protected.
    """
    machine = require_made(declared, proxmox)
    if is_on(machine.config.get("protection", "0")):
        raise TargetError(
            f"{declared.target}: VM {machine.id} is protected; write `protection: false` into the spec and "
            f"{declared.apply}, or on its node: qm set {machine.id} --protection 0"
        )
    _require_unlocked(declared, machine)
    return machine


def lost_with(machine: MachineFact) -> str:
    """What goes with it: its disks, and those that lie about unused."""
    drives = [
        f"{name} {drive.get('size', '')}".strip()
        for name, drive in sorted(hard_disks(machine.config).items())
    ]
    rest = [f"{option} ({text})" for option, text in sorted(machine.config.items()) if _VOLUME(option)]
    return ", ".join([*drives, *rest]) or "no disks"


def destroy(
    declared: DeclaredVm, seen: MachineFact, proxmox: Proxmox, deadline: Deadline, note: Note
) -> None:
    """Destroy the VM that was seen, with its disks, and stop it first where it runs.

    Raises:
        TargetError: it is another by now, or may not be destroyed any more, or Proxmox refuses.
    """
    machine = require_destroyable(declared, proxmox)
    if _identity(machine) != _identity(seen):
        raise TargetError(f"{declared.target}: VM {machine.id} is another than the one you were asked about")
    if machine.running:
        _halt(proxmox, machine, deadline, note, force=True)
    what = f"destroy VM {machine.id}"
    note(what)
    # what no configuration names stays: on a shared storage it may be another cluster's
    answer = proxmox.delete("nodes", machine.node, "qemu", machine.id, purge=1)
    await_task(proxmox, answer, what, deadline, note)


def _identity(machine: MachineFact) -> tuple[object, ...]:
    """What no two VMs share, whatever their ids."""
    return machine.name, machine.config.get("vmgenid"), machine.config.get("smbios1")


def _do(proxmox: Proxmox, machine: MachineFact, verb: str, what: str, deadline: Deadline, note: Note) -> None:
    note(what)
    patience = {"timeout": deadline.left} if verb == "shutdown" else {}
    answer = proxmox.post("nodes", machine.node, "qemu", machine.id, "status", verb, **patience)
    await_task(proxmox, answer, what, deadline, note)
