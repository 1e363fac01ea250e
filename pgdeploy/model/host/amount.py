"""Sizes and spans of time as the host section writes them: `20GB`, `15min`, with PostgreSQL's own units."""

from __future__ import annotations

from re import compile as pattern
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pgdeploy.postgres.quantity import units

_AMOUNT = pattern(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)").fullmatch


_MOST = {"B": 2.0**63, "s": 100 * 366 * 86400.0}
_MOST_WORDS = {"B": "8388608TB", "s": "36600d"}
"""More bytes than a kernel counts, more time than anybody waits: a slip, and more than some of what reads it takes."""


def _read(text: str, unit: str) -> float:
    known = dict(units(unit))
    found = _AMOUNT(text)
    if found is None or found[2] not in known:
        raise PydanticCustomError(
            "amount",
            "allowed: a number and one of {units}",
            {"units": ", ".join(known)},
        )
    amount = float(found[1]) * known[found[2]]
    if amount > _MOST[unit]:
        raise PydanticCustomError("amount", "allowed: up to {most}", {"most": _MOST_WORDS[unit]})
    return amount


def bytes_of(size: str) -> int:
    """A size in bytes."""
    return round(_read(size, "B"))


def seconds_of(span: str) -> float:
    """A span in seconds."""
    return _read(span, "s")


def _size(text: str) -> str:
    bytes_of(text)
    return text


def _span(text: str) -> str:
    seconds_of(text)
    return text


Size = Annotated[str, AfterValidator(_size), Field(examples=["20GB"])]
"""A size with its unit: B, kB, MB, GB, TB (powers of 1024)."""

Span = Annotated[str, AfterValidator(_span), Field(examples=["15min"])]
"""A span of time with its unit: us, ms, s, min, h, d."""
