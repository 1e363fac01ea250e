"""The simulated cluster: nodes, storages, machines, and the one lock that guards them all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulators.proxmox.access import Access
from tests.simulators.proxmox.config import Config
from tests.simulators.proxmox.faults import Faults
from tests.simulators.proxmox.guest import CloudInit, Factory, Guest, MemoryGuest
from tests.simulators.proxmox.refusal import Refusal
from tests.simulators.proxmox.storage import Storage, Volume
from tests.simulators.proxmox.task import DURATIONS, Tasks


@dataclass
class Node:
    """`memory` in bytes. An offline node answers nothing; its machines are still listed."""

    name: str
    cpus: int
    memory: int
    online: bool = True
    bridges: list[str] = field(default_factory=lambda: ["vmbr0"])


@dataclass
class Machine:
    """`running` is the configuration that it was started with, None while it is down."""

    vmid: int
    node: str
    config: Config
    guest: Guest
    running: Config | None = None
    started: float = 0.0
    pid: int = 0
    cloud_init: CloudInit | None = None
    """What is on the cloud-init drive."""
    since: float = field(default_factory=time.monotonic)
    """When it was made."""

    @property
    def is_template(self) -> bool:
        return self.config.get("template") == "1"

    @property
    def path(self) -> str:
        return f"nodes/{self.node}/qemu-server/{self.vmid}.conf"

    def demand_unlocked(self) -> None:
        if lock := self.config.get("lock"):
            raise Refusal(f"VM is locked ({lock})")

    def demand_unprotected(self, what: str) -> None:
        if self.config.get("protection") == "1":
            raise Refusal(f"{what} - protection mode enabled")


@dataclass
class Cluster:
    """`mutex` is held by whatever reads or changes the state, and given up with `outside` to wait or to run a
    guest. `files` counts the holders of each machine's configuration file: -1 is one that excludes others.
    """

    version: str = "9.2"
    nodes: dict[str, Node] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    machines: dict[int, Machine] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    faults: Faults = field(default_factory=Faults)
    guests: Factory = MemoryGuest
    durations: dict[str, float] = field(default_factory=lambda: dict(DURATIONS))
    entry: str = "node01"
    """The node that the client talks to."""
    lag: float = 0.0
    """Seconds until /cluster/resources knows more of a new machine than that it is there; really up to 10."""
    closed: bool = False
    """Nobody waits for anything any more."""

    def __post_init__(self) -> None:
        self.mutex = threading.Lock()
        self.changed = threading.Condition(self.mutex)
        self.tasks = Tasks(self)
        self.files: dict[int, int] = {}

    def duration(self, type: str) -> float:
        return self.durations.get(type, self.durations[""])

    def close(self) -> None:
        """End what waits: tasks, and requests for the lock of a file."""
        with self.mutex:
            self.closed = True
            self.changed.notify_all()
        for task in self.tasks.all:
            task.killed = True

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Let others at the state meanwhile."""
        self.mutex.release()
        try:
            yield
        finally:
            self.mutex.acquire()

    @contextmanager
    def file_lock(self, vmid: int, timeout: float = 10.0, *, shared: bool = False) -> Iterator[None]:
        def free() -> bool:
            if self.closed:
                raise Refusal("closed")
            held = self.files.get(vmid, 0)
            return held >= 0 if shared else held == 0

        if not self.changed.wait_for(free, timeout):
            raise Refusal(f"can't lock file '/var/lock/qemu-server/lock-{vmid}.conf' - got timeout")
        self.files[vmid] = self.files.get(vmid, 0) + (1 if shared else -1)
        try:
            yield
        finally:
            self.files[vmid] -= 1 if shared else -1
            self.changed.notify_all()

    def machine(self, node: str, vmid: int) -> Machine:
        """The machine, which must be on this node."""
        machine = self.machines.get(vmid)
        if machine is None or machine.node != node:
            raise Refusal(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")
        return machine

    def storage(self, name: str) -> Storage:
        if name not in self.storages:
            raise Refusal(f"storage '{name}' does not exist")
        return self.storages[name]

    def volume(self, node: str, volid: str) -> Volume | None:
        storage, _, name = volid.partition(":")
        return self.storages[storage].find(node, name) if storage in self.storages else None

    def volumes(self) -> Iterator[Volume]:
        for storage in self.storages.values():
            yield from storage.volumes

    def release(self, node: str, volid: str) -> None:
        storage, _, name = volid.partition(":")
        self.storage(storage).release(node, name)

    def add_machine(self, vmid: int, node: str, values: Mapping[str, str]) -> Machine:
        """Put a machine there by hand, with the volumes that its drives name."""
        from tests.simulators.proxmox.drive import adopt

        machine = Machine(vmid, node, Config(values), self.guests(vmid))
        self.machines[vmid] = machine
        adopt(self, machine)
        return machine
