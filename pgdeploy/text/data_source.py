"""Connection strings for postgres_exporter, `host=/run user=x`: it splits them at commas and blanks, also in quotes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pgdeploy.text.problem import ValueProblem

_PLAIN = re.compile(r"[^\s,'\"\\=]+")


def pairs(words: Mapping[str, str]) -> str:
    """`key=value` with blanks between.

    Raises:
        ValueProblem: the exporter would take a value for several, or for another.
    """
    for key, value in words.items():
        if not _PLAIN.fullmatch(value):
            raise ValueProblem(f"{key} of the exporter cannot hold blanks, commas, quotes, = or \\")
    return " ".join(f"{key}={value}" for key, value in words.items())
