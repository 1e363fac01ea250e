"""Sizes in bytes, read as PostgreSQL reads them and shown as people do."""

from __future__ import annotations

from collections.abc import Mapping

from pgdeploy.postgres.parameter import Parameter
from pgdeploy.postgres.quantity import read_integer
from pgdeploy.text.problem import ValueProblem

UNITS: Mapping[str, int] = {"B": 1, "kB": 1024, "8kB": 8192, "MB": 1024**2}
"""Bytes in each unit that a size in pg_settings counts in."""

_SHOWN = (("TB", 1024**4), ("GB", 1024**3), ("MB", 1024**2), ("kB", 1024))

# Any size, read by the server's own rules for a setting that counts bytes.
_SIZE = Parameter(
    name="machine.memory",
    vartype="integer",
    unit="B",
    minimum=0,
    maximum=None,
    values=(),
    context="",
    default=None,
    is_list=False,
    quotes_list=False,
)


def read_size(text: str) -> int | None:
    """Bytes of a size such as 48GB; None when it is none."""
    try:
        return read_integer(text, _SIZE) or None
    except ValueProblem:
        return None


def human(size: float) -> str:
    """A size with at most one decimal: 62GB, 1.5GB, 64kB."""
    for unit, factor in _SHOWN:
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + unit
    return f"{size:.0f}B"
