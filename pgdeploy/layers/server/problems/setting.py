"""Settings of the server, of roles and of databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server import setting
from pgdeploy.layers.server.problems.reference import unknown
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of every section of settings, each at its place."""
    prefixes = setting.prefixes(spec)
    yield from setting.problems_of(spec.settings, spec.postgres, prefixes, ("settings",))
    for role, body in spec.roles.items():
        keys: Keys = ("roles", role)
        yield from setting.problems_of(
            body.settings, spec.postgres, prefixes, (*keys, "settings"), sessions=True
        )
        for database, values in body.settings_in.items():
            where = (*keys, "settings_in", database)
            yield from unknown("database", database, spec.databases, where)
            yield from setting.problems_of(values, spec.postgres, prefixes, where, sessions=True)
    for database, db in spec.databases.items():
        keys = ("databases", database, "settings")
        yield from setting.problems_of(db.settings, spec.postgres, prefixes, keys, sessions=True)
