"""Roles of `release: maintenance:`, which are kept out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import role_problems
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of them, each at its place."""
    section = spec.release.maintenance if spec.release is not None else None
    for number, name in enumerate(section.roles if section is not None else ()):
        keys = ("release", "maintenance", "roles", number)
        yield from role_problems(spec, name, keys)
        if name in spec.roles and spec.roles[name].superuser:
            yield Problem(
                keys, f"role {quoted_name(name)} is a superuser, whom no connection limit keeps out"
            )
