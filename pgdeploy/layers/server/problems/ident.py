"""Lines of `ident:`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server import ident
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of `ident:`, each at its place."""
    seen = set()
    for index, line in enumerate(spec.ident or ()):
        for key, message in ident.refused(line, spec.postgres):
            yield Problem(("ident", index, key), message)
        if line.mapping in seen:
            yield Problem(("ident", index), "duplicate line; remove one")
        seen.add(line.mapping)
