"""Steps and plans: what a layer would change, in the one form that every layer shares.

A plan is steps in order, and what none of them removes. What only the layer itself understands (a request, SQL) is the
payload of a step; the envelope is what people approve, and what a saved plan binds an apply to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding


class Effect(StrEnum):
    """What must happen before a step is in effect, or what it stops on the way."""

    NONE = "none"
    RELOAD = "reload"
    RESTART = "restart"
    """Of the server."""
    DOWNTIME = "downtime"
    """The machine under it stops for a moment."""
    LOCK = "lock"
    """Others wait for a table, for longer than the spec allows."""

    @property
    def stops(self) -> bool:
        """Whether users notice it, so that somebody has to allow it."""
        return self in (Effect.DOWNTIME, Effect.LOCK)


class Risk(StrEnum):
    """Destructive: something is lost that the spec cannot bring back."""

    SAFE = "safe"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True, slots=True)
class Step:
    """One change. `causes` are the ids of the checks that ask for it; `lost` says what a destructive one loses.

    `note` is an estimate for people: it changes by itself, so a saved plan does not bind it.
    """

    text: str
    causes: tuple[str, ...]
    effect: Effect = Effect.NONE
    risk: Risk = Risk.SAFE
    lost: str = ""
    note: str = ""
    payload: Any = None


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What to do, and why; what no step removes (`stuck`), and what could not be read."""

    steps: tuple[Step, ...] = ()
    stuck: tuple[Finding, ...] = ()
    unreadable: tuple[Finding, ...] = ()
    drifts: Mapping[str, Finding] = field(default_factory=dict)
    """The findings behind the steps' causes, by check id."""
    pending: tuple[str, ...] = ()
    """What downtime would bring into effect."""

    def only(self, keep: Callable[[Step], bool]) -> StepPlan:
        """The same with some of its steps."""
        return replace(self, steps=tuple(filter(keep, self.steps)))


def drift_line(finding: Finding) -> str:
    """One line of what a step changes: the check, what it found, and what will be there."""
    return f"{finding.check.id}: {finding.actual} -> {finding.desired}"
