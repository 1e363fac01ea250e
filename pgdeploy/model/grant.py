"""Privileges on objects: `grants:` of a database and of the server."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.model.object import Object
from pgdeploy.spec.model import Identifier, Model
from pgdeploy.text.naming import quoted_name

ONE_SIDE = "a line says either `grant:` and `to:`, or `revoke:` and `from:`"


def says_one_side(grant: object, to: object, revoke: object, from_: object) -> bool:
    """Whether a line either gives privileges to somebody or takes them from somebody, and says the whole of it."""
    said = [one is not None for one in (grant, to, revoke, from_)]
    return said in ([True, True, False, False], [False, False, True, True])


class GrantSpec(Model):
    """Privileges that somebody must have (`grant`, `to`), or must not have (`revoke`, `from`)."""

    grant: tuple[str, ...] | None = Field(None, min_length=1, description="privileges, or ALL")
    revoke: tuple[str, ...] | None = Field(None, min_length=1, description="privileges to take away, or ALL")
    on: Object = Field(description="`database`, an object, or `{all: tables, schema: NAME}`")
    to: tuple[Identifier, ...] | None = Field(None, min_length=1, description="roles, or PUBLIC")
    from_: tuple[Identifier, ...] | None = Field(
        None, min_length=1, alias="from", description="roles, or PUBLIC"
    )
    grant_option: bool = Field(False, description="may pass it on")

    @model_validator(mode="after")
    def _grant_or_revoke(self) -> GrantSpec:
        if not says_one_side(self.grant, self.to, self.revoke, self.from_):
            raise PydanticCustomError("grant", ONE_SIDE)
        if self.revoke is not None and self.grant_option:
            raise PydanticCustomError("grant", "`grant_option` belongs to `grant:`; a revoke takes all away")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        return self.grant or self.revoke or ()

    @property
    def roles(self) -> tuple[str, ...]:
        return self.to or self.from_ or ()


class ServerObject(Model):
    """What all databases share and can hold privileges: a tablespace or a parameter."""

    tablespace: Identifier | None = Field(None, description="a tablespace")
    parameter: str | None = Field(None, description="a setting, from PostgreSQL 15")

    @model_validator(mode="after")
    def _one(self) -> ServerObject:
        if (self.tablespace is None) == (self.parameter is None):
            raise PydanticCustomError("object", "name one: {{tablespace: NAME}} or {{parameter: NAME}}")
        return self

    database: ClassVar[None] = None
    schema_: ClassVar[None] = None
    all: ClassVar[None] = None

    @property
    def kind(self) -> str:
        return "tablespace" if self.tablespace is not None else "parameter"

    @property
    def name(self) -> str:
        return self.tablespace or (self.parameter or "").lower()

    @property
    def text(self) -> str:
        return f"{self.kind} {quoted_name(self.name)}"


class ServerGrantSpec(GrantSpec):
    """Privileges on a tablespace or a parameter."""

    on: ServerObject = Field(description="{tablespace: NAME} or {parameter: NAME}")  # type: ignore[assignment]
