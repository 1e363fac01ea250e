"""What a test arranges to go wrong: at which request, at which task."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulators.proxmox.task import Task

Match = Callable[[str, str], bool]
"""Method and path (without /api2/json)."""


def any_request(method: str, path: str) -> bool:
    return True


@dataclass
class RequestFault:
    """One arranged fault. `after` is True when the request is carried out before the fault shows."""

    nth: int
    match: Match
    status: int | None = None
    reason: str = ""
    drop: bool = False
    after: bool = False
    hang: float = 0.0
    seen: int = 0

    def hit(self, method: str, path: str) -> bool:
        if not self.match(method, path):
            return False
        self.seen += 1
        return self.nth in (0, self.seen)


@dataclass
class TaskFault:
    nth: int
    type: str | None
    text: str | None
    hold: threading.Event | None
    seen: int = 0

    def hit(self, task: Task) -> bool:
        if self.type is not None and task.type != self.type:
            return False
        self.seen += 1
        return self.nth in (0, self.seen)


@dataclass
class Faults:
    """Numbers count from one, from the arrangement on, over the requests (or tasks) that match; 0 is every one."""

    requests: list[RequestFault] = field(default_factory=list)
    tasks: list[TaskFault] = field(default_factory=list)

    def answer(self, nth: int, status: int, reason: str = "", match: Match = any_request) -> None:
        """Refuse before doing anything."""
        self.requests.append(
            RequestFault(nth, match, status=status, reason=reason or _REASONS.get(status, ""))
        )

    def drop(self, nth: int, match: Match = any_request) -> None:
        """Close the connection before doing anything."""
        self.requests.append(RequestFault(nth, match, drop=True))

    def lose(self, nth: int, match: Match = any_request) -> None:
        """Do it, then close the connection without an answer."""
        self.requests.append(RequestFault(nth, match, drop=True, after=True))

    def hang(self, nth: int, seconds: float, match: Match = any_request) -> None:
        """Do nothing for so long, then do it."""
        self.requests.append(RequestFault(nth, match, hang=seconds))

    def fail_task(self, nth: int = 1, type: str | None = None, text: str = "injected failure") -> None:
        """Fail half way with this text; what Proxmox cleans up then is cleaned up."""
        self.tasks.append(TaskFault(nth, type, text, None))

    def hold_task(self, nth: int = 1, type: str | None = None) -> threading.Event:
        """Hang half way until the event that this gives is set."""
        hold = threading.Event()
        self.tasks.append(TaskFault(nth, type, None, hold))
        return hold

    def clear(self) -> None:
        self.requests.clear()
        self.tasks.clear()

    def request(self, method: str, path: str) -> RequestFault | None:
        """The fault of this request, if any; every arrangement counts it."""
        hits = [fault for fault in self.requests if fault.hit(method, path)]
        return hits[0] if hits else None

    def arrange(self, task: Task) -> None:
        for fault in self.tasks:
            if fault.hit(task):
                task.fault, task.held = fault.text, fault.hold


_REASONS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    595: "No route to host",
    596: "Connection timed out",
}
