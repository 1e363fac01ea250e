"""Whose rights open a schema: what is in one can be named only by who has USAGE on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.acl import ObjectKey, holds, owners
from pgdeploy.layers.server.membership import ours, reach


def letting_in(facts: Facts, database: str | None, schema: str | None, roles: Iterable[str]) -> Iterator[str]:
    """Who owns a schema that neither these roles nor our login may use: what is in it can be named with his rights."""
    if database is None or schema is None or facts.about.superuser:
        return
    key = ObjectKey("schema", None, schema)
    theirs = {other for role in roles for other in facts.once(reach, role, "inherit")}
    if not holds(facts, database, key, theirs | ours(facts), "USAGE"):
        yield from filter(None, [facts.once(owners, database).get(key)])
