"""Attributes that the spec does not write: they are PostgreSQL's defaults, or somebody changed them."""

from __future__ import annotations

from collections.abc import Mapping

from pgdeploy.core.check import Outcome

FIELD = "undeclared_attributes"


def reported(what: str, actual: str, found: bool) -> Outcome:
    """What `undeclared:` makes of what the spec does not name, where it says `report`."""
    return Outcome(True, "reported", actual, note=f"undeclared {what}: {actual}" if found else "")


def compared(off: Mapping[str, str], policy: str) -> Outcome:
    """What `undeclared: attributes:` makes of attributes that are off, by their words in the spec."""
    actual = ", ".join(f"{field}: {value}" for field, value in off.items()) or "none"
    if policy == "report":
        return reported("attributes", actual, bool(off))
    return Outcome(not off, "no attributes beyond the spec", actual)
