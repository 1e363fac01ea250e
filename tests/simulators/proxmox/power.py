"""Start, stop, shutdown and reboot."""

from __future__ import annotations

import time

from tests.simulators.proxmox.apply import apply_pending
from tests.simulators.proxmox.call import VM, Call, handles
from tests.simulators.proxmox.cloudinit import regenerate
from tests.simulators.proxmox.cluster import Machine
from tests.simulators.proxmox.guest import Boot
from tests.simulators.proxmox.options import cpus, memory
from tests.simulators.proxmox.refusal import Refusal
from tests.simulators.proxmox.task import Task

START_ROOT = (
    *("stateuri", "skiplock", "migratedfrom", "migration_type", "migration_network", "targetstorage"),
    *("force-cpu", "with-conntrack-state", "nets-host-mtu"),
)


@handles("POST", f"{VM}/status/start")
def start(call: Call) -> str:
    call.root_only(*START_ROOT)

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            machine = call.machine
            if machine.is_template:
                raise Refusal("you can't start a vm if it's a template")
            machine.demand_unlocked()
            if machine.running is not None:
                raise Refusal(f"VM {machine.vmid} already running")
            boot(call, task, machine)

    return call.fork("qmstart", call.vmid, work)


def boot(call: Call, task: Task, machine: Machine) -> None:
    """Take what is pending, write the cloud-init drive, run."""
    apply_pending(call, machine)
    regenerate(call.cluster, machine)
    if machine.config.cloudinit_drive():
        task.log("generating cloud-init ISO")
    _demand_room(call, machine, task)
    task.work()
    config = machine.config
    made = Boot(machine.vmid, config.get("name", f"VM {machine.vmid}"), dict(config), machine.cloud_init)
    with call.cluster.outside():
        machine.guest.start(made)
    machine.running = config.duplicate()
    machine.started = time.time()
    machine.pid = task.pid + 1


def _demand_room(call: Call, machine: Machine, task: Task) -> None:
    """CPUs are refused by Proxmox, memory by QEMU."""
    node = call.cluster.nodes[machine.node]
    for drive in machine.config.drives():
        volid = drive[1].split(",")[0]
        if ":" in volid and call.cluster.volume(machine.node, volid) is None:
            raise Refusal(f"volume '{volid}' does not exist")
    if cpus(machine.config) > node.cpus:
        raise Refusal(f"MAX {node.cpus} vcpus allowed per VM on this node")
    taken = sum(
        memory(other.running)
        for other in call.cluster.machines.values()
        if other.running is not None and other.node == machine.node
    )
    if (taken + memory(machine.config)) << 20 > node.memory:
        task.log("kvm: cannot set up guest memory 'pc.ram': Cannot allocate memory")
        raise Refusal("start failed: QEMU exited with code 1")


@handles("POST", f"{VM}/status/stop")
def stop(call: Call) -> str:
    call.root_only("skiplock", "keepActive", "migratedfrom")
    return _end(call, "qmstop", graceful=False)


@handles("POST", f"{VM}/status/shutdown")
def shutdown(call: Call) -> str:
    call.root_only("skiplock", "keepActive")
    return _end(call, "qmshutdown", graceful=True)


def _end(call: Call, type: str, *, graceful: bool) -> str:
    def work(task: Task) -> None:
        if type == "qmstop" and call.flag("overrule-shutdown"):
            _overrule(call)
        with call.cluster.file_lock(call.vmid):
            machine = call.machine
            if machine.running is None:
                return
            if not call.flag("skiplock"):
                machine.demand_unlocked()
            halt(call, task, machine, graceful=graceful, force=call.flag("forceStop"))

    return call.fork(type, call.vmid, work)


def _overrule(call: Call) -> None:
    for task in call.cluster.tasks.all:
        if task.running and task.type == "qmshutdown" and task.id == str(call.vmid):
            task.killed = True


def halt(call: Call, task: Task, machine: Machine, *, graceful: bool, force: bool) -> None:
    """The machine is down after; what is pending is taken."""
    task.work()
    try:
        with call.cluster.outside():
            machine.guest.shutdown() if graceful else machine.guest.stop()
    except Exception as error:  # a guest that does not heed
        if not force:
            raise Refusal(str(error) or "VM quit/powerdown failed") from error
        task.log("VM quit/powerdown failed - terminating now with SIGTERM")
        with call.cluster.outside():
            machine.guest.stop()
    machine.running = None
    apply_pending(call, machine)


@handles("POST", f"{VM}/status/reboot")
def reboot(call: Call) -> str:
    if call.machine.running is None:
        raise Refusal(f"VM {call.vmid} not running")

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            machine = call.machine
            if machine.running is None:
                return
            machine.demand_unlocked()
            halt(call, task, machine, graceful=True, force=False)
        _start_again(call)

    return call.fork("qmreboot", call.vmid, work)


def _start_again(call: Call) -> None:
    """The node itself does it, as root, in a task of its own."""

    def work(task: Task) -> None:
        with call.cluster.file_lock(call.vmid):
            boot(call, task, call.machine)

    call.cluster.tasks.fork(call.node, "qmstart", call.vmid, "root@pam", work)
