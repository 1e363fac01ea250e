"""A diff is every check asked: the gate shows all of it, the plan what a change can remove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pgdeploy.core.check import Check, Finding, evaluate

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts


def diff(checks: Iterable[Check], facts: Facts) -> list[Finding]:
    """What each check finds, in the order of the checks."""
    return [evaluate(check, facts) for check in checks]
