"""What each major version of PostgreSQL knows of its settings, so that a spec is judged offline.

The data is pgdeploy/postgres/parameters/<major>.json, written from real servers by scripts/generate_parameters.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from pgdeploy.text.problem import near_misses

MAJORS = (14, 15, 16, 17, 18)
"""The major versions of PostgreSQL that are supported."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One setting as pg_settings describes it, and what only the source or trying tells.

    `minimum`, `maximum`: in `unit`. `values`: what an enum takes, or the words that a list is made of when
    they are fixed. `default`: boot_val, in base units, None when the build or the machine decides it.
    `is_list`: commas separate elements (GUC_LIST_INPUT); `quotes_list`: the server quotes each element
    itself (GUC_LIST_QUOTE). `aliases`: pairs of a spelling that an enum takes and the value that it reads back as.
    `raised_to`: what the server makes of smaller values instead of refusing them, except of negative ones.
    """

    name: str
    vartype: str
    unit: str | None
    minimum: float | None
    maximum: float | None
    values: tuple[str, ...]
    context: str
    default: str | None
    is_list: bool
    quotes_list: bool
    aliases: tuple[tuple[str, str], ...] = ()
    raised_to: int | None = None
    summary: str = ""


@cache
def parameters(major: int) -> Mapping[str, Parameter]:
    """The settings of a major version by name in lower case; `.name` has the server's own spelling.

    Raises:
        ValueError: a major version that is not supported.
    """
    if major not in MAJORS:
        raise ValueError(f"PostgreSQL {major} is not supported; {MAJORS[0]} to {MAJORS[-1]} are")
    text = files("pgdeploy.postgres").joinpath("parameters", f"{major}.json").read_text(encoding="utf-8")
    return MappingProxyType({name.lower(): _parameter(name, row) for name, row in json.loads(text).items()})


def suggest(name: str, major: int) -> list[str]:
    """The settings that `name` was probably meant to be, best first."""
    return near_misses(name, (parameter.name for parameter in parameters(major).values()))


def _parameter(name: str, row: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=name,
        vartype=row["vartype"],
        unit=row.get("unit"),
        minimum=row.get("minimum"),
        maximum=row.get("maximum"),
        values=tuple(row.get("values", ())),
        context=row["context"],
        default=row.get("default"),
        is_list=row.get("is_list", False),
        quotes_list=row.get("quotes_list", False),
        aliases=tuple(row.get("aliases", {}).items()),
        raised_to=row.get("raised_to"),
        summary=row.get("summary", ""),
    )
