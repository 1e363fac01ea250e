"""Probes: behaviour, not catalogue. The second ruler, so a wrong catalogue query cannot agree with itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdeploy.check import Resource
    from pgdeploy.resources.spec import Spec


def probes(spec: Spec) -> tuple[Resource, ...]:
    """Every probe that the spec gives rise to."""
    return ()
