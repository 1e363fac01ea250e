"""How long the probes of one gate may take: so that a large or a stuck server costs a known time, and no more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pgdeploy.core.facts import Facts
from pgdeploy.errors import Unreadable
from pgdeploy.reach.session import MORE_TIME

SESSIONS = 4
"""So many sessions may take as long as one bulk read may: a database that is stuck leaves time for the others."""


@dataclass(slots=True)
class Budget:
    """`one`: the seconds that one session may take; `left`: those that are left for all."""

    one: float
    left: float

    @contextmanager
    def turn(self) -> Iterator[float]:
        """The seconds that one session may take; what it took is gone from the budget.

        Raises:
            Unreadable: nothing is left.
        """
        if self.left <= 0:
            raise Unreadable(f"the probes have used up their {SESSIONS * self.one:g} s; {MORE_TIME}")
        began = time.monotonic()
        try:
            yield min(self.left, self.one)
        finally:
            self.left -= time.monotonic() - began


def budget(facts: Facts) -> Budget:
    """The budget of the gate that read these facts."""
    one = facts.server.budget if facts.server is not None else 0.0
    return Budget(one, SESSIONS * one)
