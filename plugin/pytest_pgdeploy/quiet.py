"""Errors of ours in tests that are not ours, where pytest shows the locals of every frame (`--showlocals`).

The locals of our frames hold DSNs and passwords. So what is raised there is caught and told as a text, and
what the test sees is raised anew, outside of the except clause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pgdeploy.errors import PgdeployError
from pgdeploy.text.one_line import defect

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was raised, as a text."""

    text: str


def quietly(call: Callable[[], T]) -> T | Refusal:
    """What the call gives; an error as a text: its message, and where it was raised if it is a defect of ours."""
    try:
        return call()
    except PgdeployError as error:
        return Refusal(str(error))
    except Exception as error:  # noqa: BLE001
        return Refusal("\n".join(defect(error)))
