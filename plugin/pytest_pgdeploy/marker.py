"""The markers of items, for `-m`: the kind of thing in plural, and what is special about the check."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pgdeploy.check import Check

KINDS = {
    "setting": "settings",
    "role": "roles",
    "membership": "memberships",
    "database": "databases",
    "schema": "schemas",
    "extension": "extensions",
    "ownership": "ownership",
    "grant": "grants",
    "default_privilege": "default_privileges",
    "hba": "hba",
    "server": "server",
}
"""The marker of each kind of resource."""

ASPECTS = {
    "probe": "checks of behaviour: what a role can really do",
    "undeclared": "checks for what the spec does not name",
    "secret": "checks of passwords",
}

MARKERS = {marker: f"checks of {marker.replace('_', ' ')} in a spec" for marker in KINDS.values()} | ASPECTS


def marks_of(check: Check) -> tuple[pytest.MarkDecorator, ...]:
    aspect = "secret" if check.field == "password" and not check.aspect else check.aspect
    return _marks(check.resource.kind, aspect)


@cache
def _marks(kind: str, aspect: str) -> tuple[pytest.MarkDecorator, ...]:
    names = [KINDS[kind]] if kind in KINDS else []
    names += [aspect] if aspect in ASPECTS else []
    return tuple(getattr(pytest.mark, name) for name in names)
