"""`ownership:`: who owns what migrations make, where it is not the superuser of initdb."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import SYSTEM, ObjectKey, shown
from pgdeploy.layers.server.capture.privileges import on, overloads
from pgdeploy.layers.server.rolefact import bootstrap
from pgdeploy.model.object import PLURAL
from pgdeploy.spec.writing import Written

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts

_ALONE = ("foreign_server", "foreign_data_wrapper")


def captured(facts: Facts, database: str) -> list[Written]:
    """A line about all of a kind in a schema where they have one owner, else one about each."""
    owners, free = facts.once(acl.owners, database), facts.once(acl.free_standing, database)
    usual, counts = facts.once(bootstrap), overloads(facts, database)
    groups: dict[tuple[str, str], list[ObjectKey]] = defaultdict(list)
    for key in owners:
        if key in free and key.kind in (*PLURAL, *_ALONE) and key.schema not in SYSTEM:
            groups[key.schema or "", key.kind].append(key)
    lines: list[Written] = []
    for (schema, kind), keys in sorted(groups.items()):
        theirs = {owners[key] for key in keys}
        if theirs == {usual}:
            continue
        if schema and len(theirs) == 1 and len(keys) > 1:
            lines.append({"on": {"schema": schema, "all": PLURAL[kind]}, "owner": theirs.pop()})
            continue
        lines += [
            {"on": on(key, counts.get(key[:3], 1)), "owner": owners[key]}
            for key in sorted(keys, key=shown)
            if owners[key] != usual
        ]
    return lines
