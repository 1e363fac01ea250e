"""What Proxmox says of a VM, and of the cluster as far as the VM needs it: a few requests, all of them GET."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.vm.config import Config
from pgdeploy.reach.proxmox import ProxmoxError, Refused

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.model.vm import VmSpec
    from pgdeploy.reach.proxmox import Proxmox


LOOKS = 3
"""How often it is read anew when the VM goes, or moves to another node, between two requests."""

_GONE = re.compile(r"Configuration file '[^']*' does not exist")


class StorageFact(NamedTuple):
    """A storage as one node sees it."""

    node: str
    name: str
    type: str
    shared: bool
    content: frozenset[str]
    usable: bool
    total: int
    """Bytes."""


class NodeFact(NamedTuple):
    """A node; 0 where the token may not see how many processors and bytes it has."""

    status: str
    cpus: int = 0
    memory: int = 0


class Listed(NamedTuple):
    """A VM as the cluster lists it."""

    id: int
    name: str
    node: str
    template: bool
    container: bool = False


@dataclass(frozen=True, slots=True)
class ClusterFact:
    """Nodes by name, VMs by id, storages by node and name: what the token may see of them."""

    nodes: Mapping[str, NodeFact]
    vms: Mapping[int, Listed]
    storages: Mapping[tuple[str, str], StorageFact]


@dataclass(frozen=True, slots=True)
class MachineFact:
    """A VM. `config` is in effect, `coming` is with what waits for a power cycle."""

    id: int
    name: str
    node: str
    template: bool
    running: bool
    lock: str
    config: Config
    coming: Config
    digest: str
    managed: bool = False
    """Whether the cluster's HA starts, stops and moves it."""
    uptime: int = 0
    """Seconds."""
    stale: tuple[str, ...] = ()
    """Options that the cloud-init drive does not have yet."""
    addresses: tuple[str, ...] | Unreadable = field(default_factory=lambda: Unreadable("the VM does not run"))
    """As the guest agent gives them."""

    @property
    def pending(self) -> dict[str, tuple[str | None, str | None]]:
        """What waits for a power cycle: as it is and as it will be, by option."""
        options = sorted({*self.config, *self.coming})
        pairs = {option: (self.config.get(option), self.coming.get(option)) for option in options}
        return {option: pair for option, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True, slots=True)
class VmFact:
    """The VM, or the template that it will be cloned from; both None where neither is there."""

    cluster: ClusterFact
    machine: MachineFact | None
    template: MachineFact | None = None
    hidden: bool = False
    """The id is taken by something that the token may not see."""

    @property
    def down(self) -> str:
        """Why nothing in it can answer; empty where it runs."""
        if self.machine is None:
            return "there is no such VM"
        return "" if self.machine.running else "the VM does not run"


def vm_fact(facts: Facts) -> VmFact:
    """What Proxmox says of the VM under a server.

    Raises:
        Inapplicable: this server is no VM.
        Unreadable: Proxmox did not answer.
    """
    return facts.section("vm")  # type: ignore[no-any-return]


def read_vm(proxmox: Proxmox, spec: VmSpec) -> VmFact:
    """Read it.

    Raises:
        TargetError: Proxmox cannot be reached, or refuses.
    """
    for _ in range(LOOKS):
        try:
            return _look(proxmox, spec)
        except Refused as error:
            if not _GONE.search(error.reason):
                raise
    return _look(proxmox, spec)


def _look(proxmox: Proxmox, spec: VmSpec) -> VmFact:
    cluster = read_cluster(proxmox)
    listed = cluster.vms.get(spec.id)
    if listed is not None:
        _require_online(cluster, listed)
        return VmFact(cluster, read_machine(proxmox, listed))
    template = cluster.vms.get(spec.template)
    if template is not None:
        _require_online(cluster, template)
    return VmFact(
        cluster,
        None,
        template and _read_config(proxmox, template),
        hidden=_is_taken(proxmox, spec.id),
    )


def _require_online(cluster: ClusterFact, listed: Listed) -> None:
    """Raises TargetError when the node is not, which would else be waited for."""
    if cluster.nodes.get(listed.node, NodeFact("")).status == "offline":
        raise TargetError(
            f"node {listed.node} is offline, and {listed.id} ({listed.name}) is on it; start the node"
        )


def read_cluster(proxmox: Proxmox) -> ClusterFact:
    """One request for all of it."""
    rows = proxmox.get("cluster", "resources")
    if not isinstance(rows, list):
        raise proxmox.stranger()
    nodes = {
        row["node"]: NodeFact(
            row.get("status", "unknown"), int(row.get("maxcpu", 0)), int(row.get("maxmem", 0))
        )
        for row in rows
        if row["type"] == "node"
    }
    vms = [
        Listed(int(row["vmid"]), row.get("name", ""), row["node"], bool(row.get("template")))
        for row in rows
        if row["type"] == "qemu"
    ]
    # what the API takes for a VM id is a container's too
    vms += [
        Listed(int(row["vmid"]), f"container {row.get('name', '')}", row["node"], False, container=True)
        for row in rows
        if row["type"] == "lxc"
    ]
    storages = [_storage(row) for row in rows if row["type"] == "storage"]
    return ClusterFact(nodes, {vm.id: vm for vm in vms}, {(s.node, s.name): s for s in storages})


def _storage(row: Mapping[str, Any]) -> StorageFact:
    content = frozenset(row.get("content", "").split(","))
    usable = row.get("status") == "available"
    return StorageFact(
        row["node"],
        row["storage"],
        row.get("plugintype", ""),
        bool(row.get("shared")),
        content,
        usable,
        int(row.get("maxdisk", 0)),
    )


def _is_taken(proxmox: Proxmox, id: int) -> bool:
    """Whether something has the id that the list did not show: a VM of others, or one that was just made."""
    try:
        proxmox.get("cluster", "nextid", vmid=id)
    except Refused as error:
        if error.status == 400:
            return True
        raise
    return False


def read_machine(proxmox: Proxmox, listed: Listed) -> MachineFact:
    """All of one VM."""
    machine = _read_config(proxmox, listed)
    if machine.template or listed.container:
        return machine
    here = ("nodes", listed.node, "qemu", listed.id)
    status = proxmox.get(*here, "status", "current")
    running = status["status"] == "running"
    return replace(
        machine,
        running=running,
        lock=str(status.get("lock") or machine.lock),
        managed=bool((status.get("ha") or {}).get("managed")),
        uptime=int(status.get("uptime", 0)),
        stale=_stale(proxmox, here),
        addresses=_addresses(proxmox, here) if running else Unreadable("the VM does not run"),
    )


def _container(listed: Listed) -> MachineFact:
    """No more than that it is there: it has another API, and is never ours."""
    return MachineFact(listed.id, listed.name, listed.node, False, False, "", {}, {}, "")


def _read_config(proxmox: Proxmox, listed: Listed) -> MachineFact:
    if listed.container:
        return _container(listed)
    here = ("nodes", listed.node, "qemu", listed.id)
    whole = proxmox.get(*here, "config", current=1)
    digest = str(whole.pop("digest", ""))
    config = {option: str(value) for option, value in whole.items()}
    name, lock = config.get("name", listed.name), config.pop("lock", "")
    config.pop("template", None)
    coming = dict(config) if listed.template else _coming(config, proxmox.get(*here, "pending"))
    return MachineFact(listed.id, name, listed.node, listed.template, False, lock, config, coming, digest)


def _coming(config: Config, rows: list[Mapping[str, Any]]) -> Config:
    """The configuration with what is pending."""
    coming = dict(config)
    for row in rows:
        if row.get("delete"):
            coming.pop(row["key"], None)
        elif "pending" in row:
            coming[row["key"]] = str(row["pending"])
    return coming


def _stale(proxmox: Proxmox, here: tuple[Any, ...]) -> tuple[str, ...]:
    rows = proxmox.get(*here, "cloudinit")
    return tuple(sorted(row["key"] for row in rows if "pending" in row or row.get("delete")))


def _addresses(proxmox: Proxmox, here: tuple[Any, ...]) -> tuple[str, ...] | Unreadable:
    """What the guest agent says; that it does not answer is its own fact."""
    try:
        said = proxmox.get(*here, "agent", "network-get-interfaces")
    except ProxmoxError as error:
        return Unreadable(f"the guest agent does not tell: {error.reason}")
    try:
        return tuple(addresses_in(said))
    except Unreadable as error:
        return error


def addresses_in(said: Any) -> list[str]:
    """Addresses with their prefixes from the answer of network-get-interfaces, without those of the loopback.

    Raises:
        Unreadable: the agent refused, which Proxmox passes on as an answer like any other.
    """
    result = said["result"]
    if not isinstance(result, list):
        raise Unreadable(f"the guest agent refuses: {result}")
    found = []
    for interface in result:
        if interface.get("name") != "lo":
            with suppress(KeyError):  # an interface without addresses has no such key
                found += [f"{a['ip-address']}/{a['prefix']}" for a in interface["ip-addresses"]]
    return found
