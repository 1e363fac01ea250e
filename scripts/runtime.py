"""The distributions that pgdeploy runs with, as they are installed here: every extra but `dev`, and what those need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.declared import DEV, declared

Need = tuple[str, frozenset[str]]
"""A distribution by canonical name, and the extras of it that are asked for."""


def runtime() -> dict[str, Distribution]:
    """By canonical name.

    Raises:
        PackageNotFoundError: one is not installed.
    """
    open_needs = [*roots()]
    seen: set[Need] = set()
    found: dict[str, Distribution] = {}
    while open_needs:
        need = open_needs.pop()
        if need in seen:
            continue
        seen.add(need)
        name, extras = need
        found[name] = distribution(name)
        open_needs += needs(found[name], extras)
    return dict(sorted(found.items()))


def roots() -> Iterator[Need]:
    for extra, requirements in declared().items():
        if extra != DEV:
            yield from _applying(requirements, frozenset())


def needs(of: Distribution, extras: frozenset[str] = frozenset()) -> Iterator[Need]:
    """What a distribution requires on this machine."""
    return _applying(map(Requirement, of.requires or ()), extras)


def _applying(requirements: Iterable[Requirement], extras: frozenset[str]) -> Iterator[Need]:
    for one in requirements:
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(one.name), frozenset(one.extras)
