"""What the API tells of the storages and bridges of a node."""

from __future__ import annotations

from tests.simulators.proxmox.call import Call, handles
from tests.simulators.proxmox.refusal import BadParameters
from tests.simulators.proxmox.storage import Storage, Volume


@handles("GET", "/nodes/{node}/storage")
def storages(call: Call) -> object:
    wanted = call.get("storage")
    if wanted and wanted not in call.cluster.storages:
        raise BadParameters({"storage": "No such storage."})
    return [
        {"storage": storage.id, **_storage(storage, call.node)}
        for storage in call.cluster.storages.values()
        if wanted in (None, storage.id)
        and call.may(f"/storage/{storage.id}", "Datastore.Audit", "Datastore.AllocateSpace", some=True)
        and _fits(call, storage)
    ]


def _fits(call: Call, storage: Storage) -> bool:
    content, target = call.get("content"), call.get("target")
    here = storage.enabled and storage.on(call.node)
    if content and not (here and set(content.split(",")) & set(storage.content)):
        return False
    if call.flag("enabled") and not storage.enabled:
        return False
    return not target or target == call.node or (here and storage.shared and storage.on(target))


def _storage(storage: Storage, node: str) -> dict[str, object]:
    here = storage.enabled and storage.on(node)
    found: dict[str, object] = {
        "type": storage.type,
        "content": ",".join(sorted(storage.content)),
        "shared": int(storage.shared),
        "enabled": int(here),
        "active": int(here),
        "total": 0,
        "used": 0,
        "avail": 0,
    }
    if here:
        taken = storage.taken(node)
        found |= {"total": storage.total, "used": taken, "avail": storage.total - taken}
        found["used_fraction"] = taken / storage.total
    return found


@handles("GET", "/nodes/{node}/storage/{storage}/status")
def storage_status(call: Call) -> object:
    storage = call.cluster.storages.get(call.parameters["storage"])
    if storage is None:
        raise BadParameters({"storage": "No such storage."})
    found = _storage(storage, call.node)
    found.pop("used_fraction", None)
    return found


@handles("GET", "/nodes/{node}/storage/{storage}/content")
def storage_content(call: Call) -> object:
    storage = call.cluster.storage(call.parameters["storage"])
    storage.demand(call.node)
    place, vmid, content = storage.place(call.node), call.get("vmid"), call.get("content")
    return [
        _volume(volume)
        for volume in storage.volumes
        if volume.node == place
        and vmid in (None, str(volume.vmid))
        and content in (None, volume.content)
        and _visible(call, volume)
    ]


def _visible(call: Call, volume: Volume) -> bool:
    path = f"/storage/{volume.storage}"
    if call.may(path, "Datastore.Allocate"):
        return True
    if volume.content != "images":
        return call.may(path, "Datastore.AllocateSpace", "Datastore.Audit", some=True)
    return call.may(path, "Datastore.Audit") and call.may(f"/vms/{volume.vmid}", "VM.Config.Disk")


def _volume(volume: Volume) -> dict[str, object]:
    found: dict[str, object] = {
        "volid": volume.id,
        "name": volume.name,
        "vmid": volume.vmid,
        "format": volume.format,
        "size": volume.size,
        "content": volume.content,
        "ctime": volume.ctime,
    }
    return {**found, "parent": f"{volume.parent}@__base__"} if volume.parent else found


@handles("GET", "/nodes/{node}/network")
def network(call: Call) -> object:
    wanted = call.get("type")
    if wanted not in (None, "bridge", "any_bridge", "any_local_bridge", "include_sdn"):
        return []
    return [
        _bridge(name)
        for name in call.cluster.nodes[call.node].bridges
        if call.may(f"/nodes/{call.node}", "Sys.Audit", "Sys.Modify", some=True)
        or call.may(f"/sdn/zones/localnetwork/{name}", "SDN.Audit", "SDN.Use", some=True)
    ]


def _bridge(name: str) -> dict[str, object]:
    return {
        "iface": name,
        "type": "bridge",
        "active": 1,
        "autostart": 1,
        "priority": 4,
        "method": "manual",
        "method6": "manual",
        "families": ["inet"],
        "bridge_ports": "eno1",
        "bridge_stp": "off",
        "bridge_fd": "0",
    }
