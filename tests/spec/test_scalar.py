from __future__ import annotations

import math

import pytest

from pgdeploy.spec.node import Scalar
from pgdeploy.spec.scalar import resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("nUll", "nUll"),
        ("true", True), ("FALSE", False), ("yes", "yes"), ("off", "off"), ("n", "n"),
        ("0", 0), ("-7", -7), ("+7", 7), ("017", 17), ("0o17", 15), ("0x1F", 31), ("-0x1F", "-0x1F"),
        ("1_000", "1_000"), ("0b1", "0b1"), ("12:30", "12:30"), ("2027-01-01", "2027-01-01"),
        ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("1e3", 1000.0), ("1e", "1e"), (".", "."), ("1.2.3", "1.2.3"),
        (".inf", math.inf), ("-.INF", -math.inf), ("inf", "inf"), ("64MB", "64MB"), ("٣", "٣"), ("1\n", "1\n"),
    ],
)  # fmt: skip
def test_the_core_schema(text: str, value: Scalar) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_not_a_number_is_a_number() -> None:
    value = resolve(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000])
def test_a_number_beyond_reason_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long"):
        resolve(text)
