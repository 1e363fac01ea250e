"""One request on its way through the API: who asks for what, with parameters that were checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.simulators.proxmox.access import ROOT
from tests.simulators.proxmox.cluster import Cluster, Machine
from tests.simulators.proxmox.description import Operation
from tests.simulators.proxmox.refusal import BadParameters
from tests.simulators.proxmox.task import Work


@dataclass(frozen=True)
class Call:
    """`parameters` include those of the path; booleans are 1 or 0."""

    cluster: Cluster
    operation: Operation
    who: str
    parameters: Mapping[str, str]

    def get(self, name: str) -> str | None:
        return self.parameters.get(name)

    def flag(self, name: str, default: bool = False) -> bool:
        return self.parameters.get(name, "1" if default else "0") == "1"

    @property
    def version(self) -> str:
        return self.cluster.version

    @property
    def node(self) -> str:
        return self.parameters["node"]

    @property
    def vmid(self) -> int:
        return int(self.parameters["vmid"])

    @property
    def machine(self) -> Machine:
        return self.cluster.machine(self.node, self.vmid)

    def demand(self, path: str, *privileges: str, some: bool = False) -> None:
        self.cluster.access.demand(self.who, path, *privileges, some=some)

    def may(self, path: str, *privileges: str, some: bool = False) -> bool:
        return self.cluster.access.may(self.who, path, privileges, some=some)

    def root_only(self, *names: str) -> None:
        for name in names:
            if self.parameters.get(name, "0") not in ("0", "") and self.who != ROOT:
                raise BadParameters({name: "Only root may use this option."})

    def fork(self, type: str, id: object, work: Work) -> str:
        return self.cluster.tasks.fork(self.node, type, id, self.who, work)


@dataclass(frozen=True)
class Listed:
    """A list of which only a part is given; `total` stands next to the data."""

    data: list[dict[str, object]]
    total: int


Handler = Callable[[Call], object]

HANDLERS: dict[tuple[str, str], Handler] = {}
"""What is implemented, by method and path of the description."""


def handles(method: str, path: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[method, path] = handler
        return handler

    return register


VM = "/nodes/{node}/qemu/{vmid}"
