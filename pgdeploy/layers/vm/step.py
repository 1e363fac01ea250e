"""A step: one request to Proxmox that brings a VM nearer to the spec. A plan is the steps from here on, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """A check that drifts, in words."""

    id: str
    desired: str
    actual: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.id}: {self.actual} -> {self.desired}"


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `restart`: it stops the VM for a moment, or only follows on that; done when it is allowed."""

    text: str
    causes: tuple[Difference, ...]
    verb: str
    path: tuple[Any, ...]
    parameters: Mapping[str, Any]
    restart: bool = False

    @property
    def clones(self) -> bool:
        """Whether it makes the VM."""
        return bool(self.path[-1] == "clone")


@dataclass(frozen=True, slots=True)
class VmPlan:
    """Steps in order, and what none of them removes."""

    steps: tuple[Step, ...]
    stuck: tuple[Difference, ...] = ()
    pending: tuple[str, ...] = ()
    """What a restart would bring into effect."""

    def allowed(self, *, restart: bool) -> list[Step]:
        """The steps that are done without further leave."""
        return [step for step in self.steps if restart or not step.restart]
