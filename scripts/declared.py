"""What pyproject.toml declares: the distributions that pgdeploy needs, by extra."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent

OWN = "pgdeploy"

BASE = ""
"""The name here of what every user gets; the others are the names of the extras."""

DEV = "dev"


@cache
def declared() -> dict[str, tuple[Requirement, ...]]:
    """The requirements of each extra, its own alone: what it takes from other extras is not in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {BASE: project["dependencies"], **project["optional-dependencies"]}
    return {extra: _others(map(Requirement, lines)) for extra, lines in groups.items()}


def direct() -> dict[str, Requirement]:
    """Every requirement of every extra, by canonical name."""
    return {name_of(one): one for group in declared().values() for one in group}


def name_of(requirement: Requirement) -> str:
    return canonicalize_name(requirement.name)


def lowest(requirement: Requirement) -> str | None:
    """The lowest version that a requirement allows; None where it names none."""
    return next((one.version for one in requirement.specifier if one.operator == ">="), None)


def _others(requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple(one for one in requirements if one.name != OWN)
