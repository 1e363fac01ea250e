"""Every kind's problems, in the order of the kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems import (
    database,
    default_privilege,
    grant,
    hba,
    ident,
    maintenance,
    membership,
    named,
    ownership,
    role,
    row_security,
    schema,
    setting,
    tablespace,
)

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.problem import Problem

_ALONE = (setting, role, membership, hba, ident, maintenance)
_INHERITING = (database, tablespace, schema, ownership, row_security, named, grant, default_privilege)
"""They ask what a database has of its template, and of templates of any depth nobody could."""


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of the server's sections that pydantic cannot see, each at its place."""
    for kind in _ALONE:
        yield from kind.problems(spec)
    chains = list(database.chains(spec))
    yield from chains
    for inheriting in () if chains else _INHERITING:
        yield from inheriting.problems(spec)
