"""A Proxmox VE cluster for tests: its REST API over HTTPS, with state to look at and to break by hand.

with simulator(version="9.2") as proxmox:
    secret = proxmox.token("pgdeploy@pve", "deploy")
    proxmox.host, proxmox.port, proxmox.ca, proxmox.fingerprint     # the way there
    proxmox.vm(9000).config["cores"] = "16"                         # break by hand; the digest follows
    proxmox.cluster.nodes["node02"].online = False
    proxmox.cluster.storages["local-zfs"].used = 999 << 30          # nearly full
    proxmox.durations["qmclone"] = 0.5                              # seconds; 0.05 is the default
    proxmox.guests = lambda vmid: MemoryGuest(vmid, agent_delay=1)  # for machines made from now on
    proxmox.faults.lose(1, lambda method, path: path.endswith("/clone"))
    proxmox.faults.fail_task(1, "qmstart", "start failed: QEMU exited with code 1")
    proxmox.settle(), proxmox.requests, proxmox.tasks               # what was done

Every request is held against Proxmox's own description of its API. What that does not say (texts, the order of
checks, what becomes pending) follows the sources of qemu-server 9.2.6.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulators.proxmox.access import ADMINISTRATOR, Acl
from tests.simulators.proxmox.certificate import certificate
from tests.simulators.proxmox.cluster import Cluster, Machine
from tests.simulators.proxmox.description import operations
from tests.simulators.proxmox.faults import Faults
from tests.simulators.proxmox.guest import Factory
from tests.simulators.proxmox.server import Seen, Server
from tests.simulators.proxmox.site import fill
from tests.simulators.proxmox.task import Task


@dataclass
class Simulator:
    """The cluster and its server. `ca` is the file of the authority that signed the server's certificate."""

    cluster: Cluster
    server: Server
    ca: Path
    fingerprint: str
    host: str = "127.0.0.1"

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def faults(self) -> Faults:
        return self.cluster.faults

    @property
    def requests(self) -> list[Seen]:
        """All requests so far, in the order of their answers."""
        return self.server.seen

    @property
    def tasks(self) -> list[Task]:
        """All tasks so far, in the order of their start."""
        return self.cluster.tasks.all

    @property
    def guests(self) -> Factory:
        return self.cluster.guests

    @guests.setter
    def guests(self, factory: Factory) -> None:
        self.cluster.guests = factory

    @property
    def durations(self) -> dict[str, float]:
        """Seconds that a task takes, by its type; the empty type is the default."""
        return self.cluster.durations

    def token(
        self,
        user: str = "pgdeploy@pve",
        name: str = "deploy",
        acl: Acl | None = ADMINISTRATOR,
        user_acl: Acl | None = None,
    ) -> str:
        """The secret of a new token. `acl` None is a token without privilege separation: it has all that its
        user has. `user_acl` None is a user who may everything.
        """
        return self.cluster.access.token(user, name, acl, user_acl)

    def vm(self, vmid: int) -> Machine:
        return self.cluster.machines[vmid]

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until no task runs."""
        self.cluster.tasks.wait(timeout)


@contextmanager
def simulator(version: str = "9.2", *, ready: bool = True) -> Iterator[Simulator]:
    """A cluster until the end of the block; with `ready` it has the machines of site.py."""
    operations(version)
    cluster = Cluster(version)
    cluster.access.unified = version != "9.1"
    if ready:
        fill(cluster)
    with tempfile.TemporaryDirectory(prefix="pgdeploy-proxmox-") as folder:
        made = certificate()
        ca, chain, key = made.write(Path(folder))
        server = Server(cluster, chain, key)
        server.start()
        try:
            yield Simulator(cluster, server, ca, made.fingerprint)
        finally:
            cluster.close()
            server.stop()
            for task in cluster.tasks.all:
                task.ended.wait(2)
