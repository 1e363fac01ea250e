"""Who owns what migrations make: `ownership:` of a database."""

from __future__ import annotations

from pydantic import Field

from pgdeploy.model.object import Object
from pgdeploy.spec.model import Identifier, Model


class OwnershipSpec(Model):
    """Who owns one object, or all objects of a kind in a schema."""

    on: Object = Field(description="the object, or `{all: tables, schema: NAME}`")
    owner: Identifier = Field(description="the role that owns it")
