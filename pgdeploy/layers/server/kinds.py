"""The kinds of things that a spec can declare: one file each, with its model, facts, checks and changes.

`KINDS` is the only registry, in stage order. To add a kind is to add a file and a name here.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.server import (
    acl,
    database,
    default_privilege,
    event_trigger,
    extension,
    foreign_server,
    grant,
    hba,
    ident,
    library,
    membership,
    named,
    ownership,
    publication,
    role,
    row_security,
    safeguard,
    schema,
    setting,
    superuser,
    tablespace,
    undeclared_owner,
    version,
)

if TYPE_CHECKING:
    from pgdeploy.core.facts import Query
    from pgdeploy.layers.server.resource import ServerResource
    from pgdeploy.model.spec import Spec

KINDS: tuple[ModuleType, ...] = (
    version,
    setting,
    safeguard,
    role,
    superuser,
    membership,
    tablespace,
    database,
    schema,
    extension,
    ownership,
    undeclared_owner,
    default_privilege,
    grant,
    row_security,
    publication,
    event_trigger,
    foreign_server,
    ident,
    hba,
)

QUERIES: tuple[Query[Any], ...] = tuple(
    query for module in (*KINDS, acl, library, named) for query in getattr(module, "QUERIES", ())
)


def resources(spec: Spec) -> tuple[ServerResource, ...]:
    """Everything that the spec declares, in stage order."""
    return tuple(resource for kind in KINDS for resource in kind.resources(spec))
