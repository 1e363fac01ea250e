"""What the API tells of machines: lists, configuration, pending changes, state, cloud-init."""

from __future__ import annotations

import time

from tests.simulators.proxmox import cloudinit
from tests.simulators.proxmox.call import VM, Call, handles
from tests.simulators.proxmox.cluster import Cluster, Machine
from tests.simulators.proxmox.drive import drives
from tests.simulators.proxmox.options import cpus, memory, shown
from tests.simulators.proxmox.quantity import parse_size
from tests.simulators.proxmox.refusal import BadParameters, Refusal

SECRET = "**********"


@handles("GET", "/nodes/{node}/qemu")
def listing(call: Call) -> object:
    machines = [m for m in call.cluster.machines.values() if m.node == call.node]
    return [facts(call.cluster, m) for m in machines if call.may(f"/vms/{m.vmid}", "VM.Audit")]


def facts(cluster: Cluster, machine: Machine) -> dict[str, object]:
    config = machine.config
    found: dict[str, object] = {
        "vmid": machine.vmid,
        "name": config.get("name", f"VM {machine.vmid}"),
        "status": "stopped" if machine.running is None else "running",
        "cpus": min(cpus(config), cluster.nodes[machine.node].cpus),
        "maxmem": memory(config) << 20,
        "maxdisk": boot_disk_size(cluster, machine),
        "uptime": 0 if machine.running is None else int(time.time() - machine.started),
        **dict.fromkeys(("disk", "cpu", "mem", "memhost", "netin", "netout", "diskread", "diskwrite"), 0),
    }
    for option in ("lock", "tags"):
        if option in config:
            found[option] = config[option]
    if machine.is_template:
        found["template"] = 1
    if "serial0" in config:
        found["serial"] = 1
    return {**found, "pid": machine.pid} if machine.running is not None else found


def boot_disk_size(cluster: Cluster, machine: Machine) -> int:
    disks = [drive for drive in drives(cluster.version, machine.config) if not drive.is_cdrom]
    order = machine.config.get("boot", "").partition("order=")[2].split(";")
    disks.sort(key=lambda drive: order.index(drive.option) if drive.option in order else len(order))
    return (parse_size(disks[0].values.get("size", "")) or 0) if disks else 0


@handles("GET", f"{VM}/status/current")
def current(call: Call) -> object:
    machine = call.machine
    found = facts(call.cluster, machine)
    found |= {"ha": {"managed": 0}, "qmpstatus": found["status"]}
    if machine.config.get("agent", "").startswith(("1", "enabled=1")):
        found["agent"] = 1
    if machine.running is not None:
        found |= {"running-machine": "pc-i440fx-10.1+pve0", "running-qemu": "10.1.2"}
        found |= {"balloon": memory(machine.running) << 20, "blockstat": {}, "nics": {}}
    return found


@handles("GET", f"{VM}/config")
def config(call: Call) -> object:
    if call.get("snapshot") and call.flag("current"):
        text = "cannot use 'snapshot' parameter with 'current'"
        raise BadParameters({"snapshot": text, "current": text})
    found = call.machine.config
    values = dict(found) if call.flag("current") else found.with_pending()
    if name := call.get("snapshot"):
        if name not in found.snapshots:
            raise Refusal(f"snapshot '{name}' does not exist")
        values = dict(found.snapshots[name])
    if "cipassword" in values:
        values["cipassword"] = SECRET
    return {**{key: shown(call.version, key, values[key]) for key in values}, "digest": found.digest}


@handles("GET", f"{VM}/pending")
def pending(call: Call) -> object:
    config = call.machine.config
    waiting, deletions = dict(config.pending), config.deletions()
    waiting.pop("delete", None)
    rows: list[dict[str, object]] = []
    for key in [*config, "digest"]:
        value = config.digest if key == "digest" else _masked(call, key, config[key])
        row: dict[str, object] = {"key": key, "value": value}
        if key in waiting:
            row["pending"] = _masked(call, key, waiting.pop(key))
        if key in deletions:
            row["delete"] = 2 if deletions.pop(key) else 1
        rows.append(row)
    rows += [{"key": key, "pending": _masked(call, key, value)} for key, value in waiting.items()]
    return rows + [{"key": key, "delete": 2 if force else 1} for key, force in deletions.items()]


def _masked(call: Call, key: str, value: str) -> str | int:
    return SECRET if key == "cipassword" else shown(call.version, key, value)


@handles("GET", f"{VM}/cloudinit")
def cloudinit_pending(call: Call) -> object:
    return cloudinit.listing(call.machine)


@handles("PUT", f"{VM}/cloudinit")
def cloudinit_update(call: Call) -> None:
    with call.cluster.file_lock(call.vmid):
        call.machine.demand_unlocked()
        cloudinit.regenerate(call.cluster, call.machine)


@handles("GET", f"{VM}/cloudinit/dump")
def cloudinit_dump(call: Call) -> object:
    machine = call.machine
    made = cloudinit.generate(call.version, call.vmid, machine.config)
    if call.parameters["type"] == "user":
        mask = not call.may(f"/vms/{call.vmid}", "VM.Config.Cloudinit")
        return cloudinit.user_data(call.vmid, machine.config, mask=mask)
    return made.network_config if call.parameters["type"] == "network" else made.meta_data
