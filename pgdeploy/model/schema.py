"""Schemas: `schemas:` of a database."""

from __future__ import annotations

from pydantic import Field

from pgdeploy.model.undeclared import UndeclaredPrivileges
from pgdeploy.spec.model import Identifier, Model


class SchemaSpec(Model):
    """A schema. `{}`: it exists, owned by a superuser, the database's owner, a provider's role or pgdeploy's login."""

    owner: Identifier | None = Field(None, description="the role that owns it")
    undeclared: UndeclaredPrivileges = Field(
        default_factory=UndeclaredPrivileges, description="privileges in it that the spec does not name"
    )
