"""Tasks: what Proxmox does in the background under a UPID, with a log and an exit status."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulators.proxmox.refusal import Refusal

if TYPE_CHECKING:
    from tests.simulators.proxmox.cluster import Cluster

Work = Callable[["Task"], None]


@dataclass
class Task:
    """One task. `exitstatus` is None while it runs; `OK`, `WARNINGS: n` or the text of the error after."""

    cluster: Cluster = field(repr=False)
    node: str
    type: str
    id: str
    user: str
    pid: int
    pstart: int
    starttime: int
    lines: list[str] = field(default_factory=list)
    warnings: int = 0
    exitstatus: str | None = None
    endtime: int | None = None
    progress: float = 0.0
    """How much of its time it has taken, up to 1."""
    killed: bool = False
    fault: str | None = None
    """The text that it shall fail with half way."""
    held: threading.Event | None = None
    """Half way it waits for this."""
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def upid(self) -> str:
        return (
            f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
            f":{self.type}:{self.id}:{self.user}:"
        )

    @property
    def running(self) -> bool:
        return self.exitstatus is None

    def log(self, *lines: str) -> None:
        self.lines.extend(lines)

    def warn(self, line: str) -> None:
        self.warnings += 1
        self.log(f"WARN: {line}")

    def work(self, share: float = 1.0) -> None:
        """Take the task's time, or this share of it; here it fails, hangs or is stopped."""
        self._take(self.cluster.duration(self.type) * share)
        self.progress += share
        if self.progress < 0.5:
            return
        if self.held is not None:
            while not self.held.is_set() and not self.killed:
                self._take(0.01)
        if self.fault is not None:
            text, self.fault = self.fault, None
            raise Refusal(text)

    def _take(self, seconds: float) -> None:
        with self.cluster.outside():
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not self.killed:
                time.sleep(min(left, 0.02))
        if self.killed:
            raise Refusal("interrupted by signal" if self.type == "qmclone" else "received interrupt")

    def run(self, work: Work) -> None:
        with self.cluster.mutex:
            try:
                work(self)
            except Refusal as refusal:
                code = "" if refusal.status == 500 else f"{refusal.status} "
                reasons = "".join(f"\n{key}: {text}" for key, text in refusal.errors.items())
                self._end(f"{code}{refusal.message}{reasons}")
            except Exception as error:  # noqa: BLE001 - a guest may raise anything; the task then fails
                self._end(str(error) or type(error).__name__)
            else:
                self._end("OK" if not self.warnings else f"WARNINGS: {self.warnings}")

    def _end(self, status: str) -> None:
        self.exitstatus = " ".join(status.split("\n")).strip()
        kind = "" if status == "OK" or self.exitstatus.startswith("WARNINGS") else "ERROR: "
        self.log(f"TASK {kind}{self.exitstatus}")
        self.endtime = int(time.time())
        self.ended.set()
        self.cluster.changed.notify_all()

    def facts(self) -> dict[str, object]:
        """As the API gives it, the token apart from its user."""
        user, _, token = self.user.partition("!")
        facts: dict[str, object] = {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.starttime,
            "type": self.type,
            "id": self.id,
            "user": user,
        }
        return {**facts, "tokenid": token} if token else facts

    def belongs_to(self, who: str) -> bool:
        """A user sees the tasks of all their tokens, a token only its own."""
        return who in (self.user, self.user.partition("!")[0])


@dataclass
class Tasks:
    """All tasks since the start, in the order of their start."""

    cluster: Cluster = field(repr=False)
    all: list[Task] = field(default_factory=list)

    def fork(self, node: str, type: str, id: object, user: str, work: Work) -> str:
        number = len(self.all)
        task = Task(
            self.cluster, node, type, str(id), user, 0xABCD + number, 0x1234 + number * 7, int(time.time())
        )
        self.all.append(task)
        self.cluster.faults.arrange(task)
        threading.Thread(target=task.run, args=(work,), daemon=True, name=task.upid).start()
        return task.upid

    def get(self, upid: str) -> Task | None:
        return next((task for task in self.all if task.upid == upid), None)

    def wait(self, timeout: float = 10.0) -> None:
        """Until nothing runs any more; for tests."""
        for task in self.all:  # a task may begin another
            assert task.ended.wait(timeout), f"{task.upid} still runs"


DURATIONS: Mapping[str, float] = {"": 0.05}
"""Seconds that a task takes by its type; the empty type is the default."""
