"""systemd's unit files: `Name=value`, in which % begins a specifier, and a list's words are quoted as in C."""

from __future__ import annotations

import re

from pgdeploy.text.character import refuse_controls
from pgdeploy.text.problem import ValueProblem

_PLAIN = re.compile(r"[\w/.,:@+=-]+", re.ASCII)


def assignment(name: str, value: str) -> str:
    """`Name=value`, where the value is a text.

    Raises:
        ValueProblem: it cannot stand there: systemd would take its ends or its backslash for something else.
    """
    refuse_controls(value, f"{name}= of a unit")
    if not value or value != value.strip() or "\\" in value:
        raise ValueProblem(f"{name}= of a unit cannot be empty, end in a blank or hold a backslash")
    return f"{name}={specifiers(value)}\n"


def word(text: str) -> str:
    """One word of a list, quoted where it must be.

    Raises:
        ValueProblem: it cannot stand there.
    """
    refuse_controls(text, "a word of a unit")
    if _PLAIN.fullmatch(text):
        return text
    escaped = specifiers(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def specifiers(text: str) -> str:
    """The text, in which no % begins a specifier."""
    return text.replace("%", "%%")
