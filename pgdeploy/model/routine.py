"""Functions and procedures as a spec names them."""

from __future__ import annotations

from collections.abc import Sequence

from pgdeploy.postgres.signature import Type, read_arguments

KINDS = ("function", "procedure")


def types(arguments: Sequence[str]) -> tuple[Type, ...]:
    """What the arguments of a line say together.

    Raises:
        ValueProblem: they are no list of arguments.
    """
    return read_arguments(", ".join(arguments))
