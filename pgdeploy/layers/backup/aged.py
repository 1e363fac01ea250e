"""How long ago something was, against a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.core.check import Measured, Outcome, within
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.core.remedy import Remedy

_CLOCKS = 60
"""Seconds by which two clocks may differ."""


def aged(age: float, limit: str, label: str, remedy: Remedy) -> Outcome:
    """A time in the future comes from a wrong clock, and proves nothing."""
    if age < -_CLOCKS:
        words = f"{-age:.0f}s in the future"
        return Outcome(False, f"at most {limit} ago", words, label, remedy="set the clock")
    age = max(age, 0.0)
    measured = Measured(age, "s", at_most=seconds_of(limit))
    return within(measured, f"at most {limit} ago", f"{age:.0f}s ago", origin=label, remedy=remedy)
