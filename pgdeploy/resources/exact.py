"""Attributes that the spec does not write: they are PostgreSQL's defaults, or somebody changed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pgdeploy.check import Outcome

if TYPE_CHECKING:
    from pgdeploy.facts import Facts

FIELD = "undeclared_attributes"


def compared(off: Mapping[str, str], policy: str) -> Outcome:
    """What `undeclared: attributes:` makes of attributes that are off, by their words in the spec."""
    actual = ", ".join(f"{field}: {value}" for field, value in off.items()) or "none"
    if policy == "report":
        return Outcome(True, "reported", actual, note=f"undeclared attributes: {actual}" if off else "")
    return Outcome(not off, "no attributes beyond the spec", actual)


def usual_owner(facts: Facts, bootstrap: str) -> str:
    """Who owns what nobody else was named for: the superuser that initdb made, else who logs in."""
    return bootstrap if facts.about.superuser else facts.about.user
