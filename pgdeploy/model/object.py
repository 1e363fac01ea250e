"""How a spec names objects in a database: `on:` of grants and ownership.

on: database                                   the database itself
on: {schema: sky}                              a schema
on: {schema: sky, table: galaxy}               a table, view, materialized view or foreign table
on: {schema: sky, table: galaxy, columns: [id]}
on: {schema: sky, sequence: galaxy_id_seq}
on: {schema: sky, function: area, arguments: [integer, text]}   or procedure; no arguments: every overload;
                                               arguments as psql shows them are understood, too
on: {schema: sky, type: magnitude}             a type or domain
on: {schema: sky, all: tables}                 or sequences, functions, procedures, types
on: {language: plpgsql}   {foreign_server: archive}   {foreign_data_wrapper: postgres_fdw}
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from pgdeploy.model.routine import types
from pgdeploy.postgres.values import ValueProblem
from pgdeploy.spec.model import Identifier, Model
from pgdeploy.text.naming import quoted_name

ALL = {
    "tables": "table",
    "sequences": "sequence",
    "functions": "function",
    "procedures": "procedure",
    "types": "type",
}
"""What `all:` may say, and the kind of object it means."""

PLURAL = {kind: plural for plural, kind in ALL.items()}
"""What `all:` says for a kind of object."""

IN_SCHEMA = ("table", "sequence", "function", "procedure", "type")
ALONE = ("language", "foreign_server", "foreign_data_wrapper")


class Object(Model):
    """One object of a database, or all objects of a kind in a schema."""

    database: Literal[True] | None = Field(
        None, description="the database itself; short form: `on: database`"
    )
    schema_: Identifier | None = Field(
        None, alias="schema", description="a schema, or where the object stands"
    )
    table: Identifier | None = Field(None, description="a table, view, materialized view or foreign table")
    columns: tuple[Identifier, ...] | None = Field(None, description="columns of the table")
    sequence: Identifier | None = Field(None, description="a sequence")
    function: Identifier | None = Field(None, description="a function, aggregate or window function")
    procedure: Identifier | None = Field(None, description="a procedure")
    arguments: tuple[str, ...] | None = Field(
        None, description="argument types, or arguments as psql shows them; left out: every overload"
    )
    type: Identifier | None = Field(None, description="a type or domain")
    all: Literal["tables", "sequences", "functions", "procedures", "types"] | None = Field(
        None, description="every object of a kind in the schema"
    )
    language: Identifier | None = Field(None, description="a trusted language")
    foreign_server: Identifier | None = Field(None, description="a foreign server")
    foreign_data_wrapper: Identifier | None = Field(None, description="a foreign-data wrapper")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"const": "database"}, handler(schema)]}

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: Any) -> Any:
        return {"database": True} if data == "database" else data

    @model_validator(mode="after")
    def _one_object(self) -> Object:
        named = [field for field in IN_SCHEMA if getattr(self, field) is not None]
        alone = [field for field in ("database", *ALONE) if getattr(self, field) is not None]
        inside = [*named, *(["all"] if self.all else [])]
        if len(inside) + len(alone) > 1 or (alone and self.schema_ is not None):
            raise _wrong(f"names several objects ({', '.join([*alone, *inside])})")
        if not alone and self.schema_ is None:
            raise _wrong(f"{inside[0]} needs the schema it stands in" if inside else "names no object")
        if self.columns is not None and not (self.table and self.columns):
            raise _wrong("columns need a table, and at least one name")
        if self.arguments is not None and not (self.function or self.procedure):
            raise _wrong("arguments belong to a function or procedure")
        self._check_arguments()
        return self

    def _check_arguments(self) -> None:
        try:
            types(self.arguments or ())
        except ValueProblem as error:
            raise PydanticCustomError("arguments", "{what}", {"what": str(error)}) from None

    @property
    def kind(self) -> str:
        """The kind of object, in the singular."""
        if self.all:
            return ALL[self.all]
        if self.columns:
            return "column"
        for field in (*IN_SCHEMA, "database", *ALONE):
            if getattr(self, field) is not None:
                return field
        return "schema"

    @property
    def name(self) -> str | None:
        """The object's own name; None for a database and for all of a kind."""
        if self.kind == "column":
            return self.table
        if self.kind == "schema":
            return self.schema_
        return None if self.all or self.database else getattr(self, self.kind)

    @property
    def text(self) -> str:
        """As ids and messages show it."""
        if self.database:
            return "database"
        if self.all:
            return f"all {self.all} in schema {quoted_name(self.schema_ or '')}"
        place = f"{quoted_name(self.schema_)}." if self.schema_ is not None and self.kind != "schema" else ""
        tail = f"({', '.join(self.arguments)})" if self.arguments is not None else ""
        tail += f" ({', '.join(map(quoted_name, self.columns))})" if self.columns else ""
        kind = "table" if self.columns else self.kind.replace("_", " ")
        return f"{kind} {place}{quoted_name(self.name or '')}{tail}"

    @property
    def routine(self) -> tuple[str, str, str, tuple[str, ...] | None]:
        """Of a function or procedure: kind, schema, name and arguments."""
        return self.kind, self.schema_ or "", self.name or "", self.arguments


def _wrong(what: str) -> PydanticCustomError:
    allowed = (
        "allowed: database; {schema: S} alone or with one of table (and columns), sequence, function or procedure "
        "(and arguments), type, all; or one of language, foreign_server, foreign_data_wrapper"
    )
    return PydanticCustomError("object", "{what}; {allowed}", {"what": what, "allowed": allowed})
