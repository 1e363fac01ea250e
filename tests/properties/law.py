"""How often a law is tried: a little in `make test`, much more among the long tests, and by hand as often as one likes.

`PGDEPLOY_LAW_EXAMPLES=1000 pytest tests/properties -k from_any_spec` tries these laws a thousand times, with
`PGDEPLOY_LAW_MAJOR=18` on that version of PostgreSQL.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

MAJOR = int(os.environ.get("PGDEPLOY_LAW_MAJOR", "16"))
"""Of the server of all laws that do not name another."""

Test = Callable[..., Any]

_HEALTH = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_BY_HAND = os.environ.get("PGDEPLOY_LAW_EXAMPLES")


def law(examples: int) -> Callable[[Test], Test]:
    """A law with so many examples; what one takes depends on the machine, so there is no deadline."""
    tried = int(_BY_HAND) if _BY_HAND else examples
    return settings(max_examples=tried, deadline=None, suppress_health_check=_HEALTH)


def long_law(examples: int) -> Callable[[Test], Test]:
    """The same law among the long tests."""

    def mark(test: Test) -> Test:
        return pytest.mark.long(law(examples)(test))

    return mark
