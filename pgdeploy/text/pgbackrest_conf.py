"""pgbackrest.conf: sections, and `name=value` to the end of the line; blanks at the ends of a value are lost."""

from __future__ import annotations

from collections.abc import Mapping

from pgdeploy.text.character import refuse_controls
from pgdeploy.text.problem import ValueProblem


def section(name: str, options: Mapping[str, str]) -> str:
    """A section with its options.

    Raises:
        ValueProblem: a value cannot stand there; it is not said, as it may be a secret.
    """
    return f"[{name}]\n{''.join(_line(option, value) for option, value in options.items())}"


def _line(name: str, value: str) -> str:
    refuse_controls(value, f"the value of {name} in pgbackrest.conf")
    if not value or value != value.strip():
        raise ValueProblem(
            f"the value of {name} in pgbackrest.conf cannot be empty, or begin or end in a blank"
        )
    return f"{name}={value}\n"
