"""Tablespaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import absent_or_owned
from pgdeploy.layers.server.tablespace import BY_INITDB
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of tablespaces, each at its place."""
    for tablespace, body in spec.tablespaces.items():
        keys: Keys = ("tablespaces", tablespace)
        yield from absent_or_owned(spec, body, keys)
        if tablespace in BY_INITDB and body.model_fields_set - {"owner"}:
            yield Problem(keys, f"{tablespace} is made by initdb; only its owner can be said")
    for index, line in enumerate(spec.grants):
        named = spec.tablespaces.get(line.on.tablespace or "")
        if named is not None and named.state == "absent":
            message = f"tablespace {quoted_name(line.on.tablespace or '')} is declared absent; nothing may refer to it"
            yield Problem(("grants", index, "on"), message)
