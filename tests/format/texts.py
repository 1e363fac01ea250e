"""Texts that try a format: its own marks beside plain letters, and any character at all."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pgdeploy.text.problem import ValueProblem

law = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,  # a format refuses most of the texts that try it
    ],
)
"""Each example is a whole file of many texts."""

MARKS = "aZ9 \t\n\r\v\f\0\x1b\x7f\x85\u2028\u2029\ufeff\\'\"`$%#;,=:/*?[]{}()<>|&!~^@+-_.😀ü"

text = st.one_of(
    st.text(MARKS, min_size=1, max_size=12), st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
)


def takes(check: Callable[[str], object]) -> Callable[[str], bool]:
    """Whether a format takes a text."""

    def call(text: str) -> bool:
        try:
            check(text)
        except ValueProblem:
            return False
        return True

    return call
