"""The way of a request through the API: who asks, may they, which node, are the parameters right, do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.simulators.proxmox import agent, change, clone, disk, machines, overview, power, storages, tasklist
from tests.simulators.proxmox.call import HANDLERS, Call, Listed
from tests.simulators.proxmox.cluster import Cluster
from tests.simulators.proxmox.description import Operation, find
from tests.simulators.proxmox.refusal import BadParameters, Refusal
from tests.simulators.proxmox.schema import verify

MODULES = (agent, change, clone, disk, machines, overview, power, storages, tasklist)
"""They have registered what they handle."""


@dataclass(frozen=True)
class Answer:
    """`reason` stands in the status line; a refusal of a proxy or of the login has no content."""

    status: int
    reason: str
    content: Mapping[str, object] | None = None


def answer(cluster: Cluster, method: str, path: str, header: str | None, given: Mapping[str, str]) -> Answer:
    with cluster.mutex:
        try:
            who = cluster.access.authenticate(header)
        except Refusal as refusal:
            return Answer(refusal.status, refusal.message)
        try:
            return _done(_handle(cluster, who, method, path, given))
        except Refusal as refusal:
            return _refused(refusal)


class _Unreachable(Refusal):
    """The proxy of the entry node cannot reach the other node; what it answers has no content."""


def _handle(cluster: Cluster, who: str, method: str, path: str, given: Mapping[str, str]) -> object:
    found = find(cluster.version, method, path)
    if found is None or (method, found[0].path) not in HANDLERS:
        raise Refusal(f"Method '{method} {path}' not implemented", 501)
    operation, placed = found
    conflicts = [name for name in placed if given.get(name, placed[name]) != placed[name]]
    if conflicts:
        text = "duplicate parameter (already defined in URI) with conflicting values!"
        raise BadParameters({conflicts[0]: text})
    parameters = {**placed, **given}
    if "!" in who and not operation.allow_token:
        text = f"URI '{path}' not available with API token, need proper ticket."
        raise Refusal(f"Permission check failed ({text})", 403)
    cluster.access.permit(operation.permissions, who, parameters)
    _reach(cluster, operation, placed)
    call = Call(cluster, operation, who, verify(operation, parameters))
    return HANDLERS[method, operation.path](call)


def _reach(cluster: Cluster, operation: Operation, placed: Mapping[str, str]) -> None:
    """Whether the node of the path can be spoken to."""
    if not operation.on_node:
        return
    name = placed["node"]
    node = cluster.nodes.get(name)
    if node is None:
        text = f"failed to get address info for: {name}: Name or service not known"
        raise Refusal(f"hostname lookup '{name}' failed - {text}")
    if not node.online:
        raise _Unreachable("No route to host", 595)


def _done(result: object) -> Answer:
    if isinstance(result, Listed):
        return Answer(200, "OK", {"data": result.data, "total": result.total})
    return Answer(200, "OK", {"data": result})


def _refused(refusal: Refusal) -> Answer:
    first = refusal.message.partition("\n")[0]
    if isinstance(refusal, _Unreachable):
        return Answer(refusal.status, first)
    content: dict[str, object] = {"data": None, "message": f"{refusal.message}\n"}
    if refusal.errors:
        content["errors"] = dict(refusal.errors)
    return Answer(refusal.status, first, content)
