"""Default privileges: `default_privileges:` of a database."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.model.grant import ONE_SIDE, says_one_side
from pgdeploy.spec.model import Identifier, Model, listed

KIND = {
    "tables": "table",
    "sequences": "sequence",
    "functions": "function",
    "types": "type",
    "schemas": "schema",
    "large_objects": "large_object",
}


_Several = Annotated[tuple[Identifier, ...], Field(min_length=1)]
Roles = Annotated[_Several, BeforeValidator(listed, json_schema_input_type=Identifier | _Several)]


class DefaultPrivilegeSpec(Model):
    """Privileges on what a role will make, in one schema or (without `in_schema`) everywhere in the database."""

    for_: Roles = Field(alias="for", description="the creating role, or several")
    in_schema: Identifier | None = Field(None, description="left out: everywhere in the database")
    grant: tuple[str, ...] | None = Field(None, min_length=1, description="privileges, or ALL")
    revoke: tuple[str, ...] | None = Field(None, min_length=1, description="built-in privileges to take away")
    on: Literal["tables", "sequences", "functions", "types", "schemas", "large_objects"] = Field(
        description="the kind of object; functions are procedures too"
    )
    to: tuple[Identifier, ...] | None = Field(None, min_length=1, description="roles, or PUBLIC")
    from_: tuple[Identifier, ...] | None = Field(
        None, min_length=1, alias="from", description="roles, or PUBLIC"
    )
    grant_option: bool = Field(False, description="may pass it on")

    @model_validator(mode="after")
    def _sound(self) -> DefaultPrivilegeSpec:
        if not says_one_side(self.grant, self.to, self.revoke, self.from_):
            raise _wrong(ONE_SIDE)
        if self.revoke is not None and self.in_schema is not None:
            raise _wrong(
                "a revoke in a schema does nothing in PostgreSQL; leave `in_schema` out to take it away everywhere"
            )
        if self.revoke is not None and self.grant_option:
            raise _wrong("`grant_option` belongs to `grant:`; a revoke takes all away")
        if self.in_schema is not None and self.on in ("schemas", "large_objects"):
            raise _wrong(f"{self.on} stand in no schema; leave `in_schema` out")
        return self

    @property
    def kind(self) -> str:
        return KIND[self.on]

    @property
    def words(self) -> tuple[str, ...]:
        return self.grant or self.revoke or ()

    @property
    def roles(self) -> tuple[str, ...]:
        return self.to or self.from_ or ()


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("default_privilege", "{message}", {"message": message})
