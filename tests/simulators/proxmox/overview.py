"""What the API tells of the cluster, its nodes, and one's rights."""

from __future__ import annotations

import time

from tests.simulators.proxmox.access import ROOT
from tests.simulators.proxmox.call import Call, handles
from tests.simulators.proxmox.cluster import Node
from tests.simulators.proxmox.machines import facts
from tests.simulators.proxmox.options import cpus
from tests.simulators.proxmox.refusal import BadParameters, Refusal

RELEASES = {"9.2": ("9.2.4", "f58f5a8a8a3e5c6d"), "9.1": ("9.1.11", "0d8f1d5b7d1f5c4a")}


@handles("GET", "/version")
def version(call: Call) -> object:
    full, repository = RELEASES[call.version]
    return {"release": call.version, "repoid": repository, "version": full}


def _audit(call: Call, node: Node) -> bool:
    return call.may(f"/nodes/{node.name}", "Sys.Audit")


@handles("GET", "/nodes")
def nodes(call: Call) -> object:
    return [_node(node, audit=_audit(call, node)) for node in call.cluster.nodes.values()]


def _node(node: Node, *, audit: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "id": f"node/{node.name}",
        "node": node.name,
        "type": "node",
        "status": "online" if node.online else "offline",
        "level": "",
        "ssl_fingerprint": ":".join(["AA"] * 32),
    }
    if not audit or not node.online:
        return found
    usage = {"cpu": 0.01, "maxcpu": node.cpus, "mem": 4 << 30, "maxmem": node.memory, "uptime": 86400}
    return {**found, **usage, "disk": 8 << 30, "maxdisk": 64 << 30}


@handles("GET", "/nodes/{node}/status")
def node_status(call: Call) -> object:
    node = call.cluster.nodes[call.node]
    used = 4 << 30
    return {
        "uptime": 86400,
        "idle": 0,
        "cpu": 0.01,
        "wait": 0,
        "loadavg": ["0.10", "0.08", "0.05"],
        "kversion": "Linux 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC",
        "pveversion": f"pve-manager/{RELEASES[call.version][0]}/{RELEASES[call.version][1]}",
        "cpuinfo": {
            "cpus": node.cpus,
            "cores": node.cpus // 2,
            "sockets": 1,
            "mhz": "2500.000",
            "user_hz": 100,
            "model": "AMD EPYC 7402",
            "hvm": "1",
            "flags": "fpu vme",
        },
        "memory": {
            "total": node.memory,
            "used": used,
            "free": node.memory - used,
            "available": node.memory - used,
        },
        "swap": {"total": 0, "used": 0, "free": 0},
        "ksm": {"shared": 0},
        "rootfs": {"total": 64 << 30, "used": 8 << 30, "avail": 56 << 30, "free": 56 << 30},
        "boot-info": {"mode": "efi", "secureboot": 0},
        "current-kernel": {
            "sysname": "Linux",
            "release": "6.17.2-1-pve",
            "machine": "x86_64",
            "version": "#1 SMP PREEMPT_DYNAMIC",
        },
    }


@handles("GET", "/cluster/status")
def cluster_status(call: Call) -> object:
    members = call.cluster.nodes.values()
    whole: dict[str, object] = {
        "type": "cluster",
        "id": "cluster",
        "name": "pve",
        "version": len(members),
        "nodes": len(members),
        "quorate": 1,
    }
    return [whole, *(_member(call, number, node) for number, node in enumerate(members, 1))]


def _member(call: Call, number: int, node: Node) -> dict[str, object]:
    return {
        "type": "node",
        "id": f"node/{node.name}",
        "name": node.name,
        "nodeid": number,
        "ip": f"192.0.2.{number}",
        "online": int(node.online),
        "level": "",
        "local": int(node.name == call.cluster.entry),
    }


@handles("GET", "/cluster/nextid")
def next_id(call: Call) -> object:
    wanted = call.get("vmid")
    if wanted is None:
        return str(next(vmid for vmid in range(100, 1_000_000) if vmid not in call.cluster.machines))
    if int(wanted) in call.cluster.machines:
        raise BadParameters({"vmid": f"VM {wanted} already exists"})
    return wanted


@handles("GET", "/cluster/resources")
def resources(call: Call) -> object:
    wanted = call.get("type")
    rows: list[dict[str, object]] = []
    if wanted in (None, "vm"):
        rows += _machine_rows(call)
    if wanted in (None, "node"):
        rows += [_node_row(call, node) for node in call.cluster.nodes.values()]
    if wanted in (None, "storage"):
        rows += _storage_rows(call)
    if wanted in (None, "network") and call.version != "9.0":
        rows += _network_rows(call)
    return rows


def _machine_rows(call: Call) -> list[dict[str, object]]:
    rows = []
    for machine in call.cluster.machines.values():
        if not call.may(f"/vms/{machine.vmid}", "VM.Audit"):
            continue
        found = facts(call.cluster, machine)
        if time.monotonic() < machine.since + call.cluster.lag:
            found = {key: found[key] for key in ("vmid", "lock", "tags") if key in found}
        row = {key: found[key] for key in _SHARED if key in found}
        row |= {"id": f"qemu/{machine.vmid}", "node": machine.node, "type": "qemu"}
        if "name" in found:
            row |= {"maxcpu": cpus(machine.config), "template": int(machine.is_template)}
        if "name" not in found or not call.cluster.nodes[machine.node].online:
            row["status"] = "unknown"
        rows.append(row)
    return rows


_SHARED = (
    *("vmid", "name", "status", "maxmem", "maxdisk", "uptime", "disk", "cpu", "mem", "memhost"),
    *("netin", "netout", "diskread", "diskwrite", "lock", "tags"),
)


def _node_row(call: Call, node: Node) -> dict[str, object]:
    row = _node(node, audit=_audit(call, node))
    row.pop("ssl_fingerprint")
    return {**row, "cgroup-mode": 2}


def _storage_rows(call: Call) -> list[dict[str, object]]:
    return [
        {
            "id": f"storage/{node.name}/{storage.id}",
            "node": node.name,
            "storage": storage.id,
            "type": "storage",
            "plugintype": storage.type,
            "shared": int(storage.shared),
            "content": ",".join(sorted(storage.content)),
            "maxdisk": storage.total,
            "disk": storage.taken(node.name),
            "status": "available" if node.online else "unknown",
        }
        for storage in call.cluster.storages.values()
        if call.may(f"/storage/{storage.id}", "Datastore.Audit")
        for node in call.cluster.nodes.values()
        if storage.enabled and storage.on(node.name)
    ]


def _network_rows(call: Call) -> list[dict[str, object]]:
    if not call.may("/sdn/zones/localnetwork", "SDN.Audit"):
        return []
    return [
        {
            "id": f"network/{node.name}/zone/localnetwork",
            "node": node.name,
            "type": "network",
            "network": "localnetwork",
            "network-type": "zone",
            "status": "ok",
        }
        for node in call.cluster.nodes.values()
    ]


@handles("GET", "/access/permissions")
def permissions(call: Call) -> object:
    who = call.get("userid") or call.who
    if who != call.who and who.partition("!")[0] != call.who:
        call.demand("/access", "Sys.Audit")
    wanted = call.get("path")
    access = call.cluster.access
    token = access.tokens.get(who)
    if who == ROOT:
        raise Refusal("the permissions of root@pam are not simulated", 501)
    entries = [*(access.users.get(who.partition("!")[0]) or {}), *((token and token.own) or {})]
    paths = [wanted] if wanted else ["/", "/access", "/nodes", "/pool", "/sdn", "/storage", "/vms", *entries]
    found = {path: sorted(access.privileges(who, path) or ()) for path in paths}
    return {path: dict.fromkeys(held, 1) for path, held in found.items() if held or wanted}
