"""A step of a VM: one request to Proxmox that brings it nearer to the spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pgdeploy.core.check import Check, Finding, Verdict
from pgdeploy.core.remedy import NOTHING, Remedy
from pgdeploy.core.step import Effect, Step


class Difference(NamedTuple):
    """A check of the VM that drifts, in words, before it is known by its check."""

    id: str
    desired: str
    actual: str
    remedy: Remedy | str = NOTHING

    def __str__(self) -> str:
        return f"{self.id}: {self.actual} -> {self.desired}"

    def finding(self, checks: Mapping[str, Check]) -> Finding:
        """The same as the gate would say it."""
        return Finding(
            checks[self.id], Verdict.DRIFTS, self.desired, self.actual, remedy=Remedy.of(self.remedy)
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One request to Proxmox."""

    verb: str
    path: tuple[Any, ...]
    parameters: Mapping[str, Any]

    @property
    def clones(self) -> bool:
        """Whether it makes the VM."""
        return bool(self.path[-1] == "clone")


@dataclass(frozen=True, slots=True)
class VmStep:
    """A request and what it removes. `restart`: it stops the VM for a moment, or only follows on that."""

    text: str
    causes: tuple[Difference, ...]
    request: Request
    restart: bool = False

    @property
    def step(self) -> Step:
        """The same in the form that all layers share."""
        effect = Effect.DOWNTIME if self.restart else Effect.NONE
        return Step(self.text, tuple(cause.id for cause in self.causes), effect, payload=self.request)


def request_of(step: Step) -> Request:
    """What a step of a VM asks of Proxmox."""
    request = step.payload
    assert isinstance(request, Request)  # noqa: S101 - a plan of this layer has no others
    return request
