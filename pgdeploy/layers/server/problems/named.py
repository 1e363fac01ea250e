"""Publications, event triggers and foreign servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import absent_or_owned
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

NAMED = ("publications", "event_triggers", "foreign_servers")
"""Sections of a database whose entries are there or not, and have an owner."""


def _named(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    for section in NAMED:
        for thing, body in getattr(spec.databases[database], section).items():
            where = (*keys, section, thing)
            yield from absent_or_owned(spec, body, where)
            if section == "event_triggers":
                yield from _owned_by_superuser(spec, body.owner, (*where, "owner"))


def _on_absent(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    """Lines about a foreign server that must not be there."""
    body = spec.databases[database]
    for section in ("ownership", "grants"):
        for index, line in enumerate(getattr(body, section)):
            server = line.on.foreign_server
            declared = body.foreign_servers.get(server) if server is not None else None
            if declared is not None and declared.state == "absent":
                message = (
                    f"foreign server {quoted_name(server or '')} is declared absent; nothing may refer to it"
                )
                yield Problem((*keys, section, index, "on"), message)


def _owned_by_superuser(spec: Spec, owner: str | None, keys: Keys) -> Iterator[Problem]:
    role = spec.roles.get(owner or "")
    if owner is not None and not (role and role.superuser):
        message = (
            f"PostgreSQL gives event triggers to superusers only; {quoted_name(owner)} is none by this spec"
        )
        yield Problem(keys, message)


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of these sections, each at its place."""
    for database in spec.databases:
        yield from _named(spec, database, ("databases", database))
        yield from _on_absent(spec, database, ("databases", database))
