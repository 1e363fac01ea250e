"""The markers of items, for `-m`: the kind of thing in plural, and what is special about the check."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from pgdeploy.layers import LAYERS

if TYPE_CHECKING:
    from pgdeploy.core.check import Check

KINDS = {kind: marker for layer in LAYERS for kind, marker in layer.markers.items()}
"""The marker of each kind of resource, of all layers."""

ASPECTS = {
    "probe": "checks of behaviour: what a role can really do",
    "undeclared": "checks for what the spec does not name",
    "secret": "checks of passwords",
}

_LAYERS = {layer.name: layer.description for layer in LAYERS if layer.description}

MARKERS = {marker: f"checks of {marker.replace('_', ' ')} in a spec" for marker in KINDS.values()}
MARKERS |= ASPECTS | _LAYERS


def marks_of(check: Check) -> tuple[pytest.MarkDecorator, ...]:
    aspect = "secret" if check.field == "password" and not check.aspect else check.aspect
    return _marks(check.resource.kind, aspect, check.resource.layer)


@cache
def _marks(kind: str, aspect: str, layer: str) -> tuple[pytest.MarkDecorator, ...]:
    names = [KINDS[kind]] if kind in KINDS else []
    names += [aspect] if aspect in ASPECTS else []
    names += [layer] if layer in _LAYERS else []
    return tuple(getattr(pytest.mark, name) for name in names)
