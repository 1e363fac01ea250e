"""Seeds: `seeds:`, rows that a database must have."""

from __future__ import annotations

from typing import Annotated, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import LocalPath
from pgdeploy.spec.model import Identifier, Model

File: TypeAlias = "Annotated[LocalPath, Field(min_length=1)] | None"


class SeedTableSpec(Model):
    """Rows of one table, from a file, a query or a function."""

    table: Identifier = Field(description="a table that a migration made")
    schema_: Identifier = Field("public", alias="schema", description="of the table")
    csv: File = Field(None, description="a file of rows, whose first line has the names of the columns")
    query: File = Field(
        None, description="a file with one query, asked in the database: what it gives are the rows"
    )
    function: File = Field(
        None, description="FILE.py:NAME, a function without parameters that gives dicts, each a row"
    )
    key: Annotated[tuple[Identifier, ...], Field(min_length=1)] = Field(
        description="columns that say which row it is; a unique index must be on them"
    )
    null_text: str = Field("", description="how the file of rows writes NULL")

    @model_validator(mode="after")
    def _require_one_source(self) -> Self:
        if sum(source is not None for source in (self.csv, self.query, self.function)) != 1:
            raise PydanticCustomError(
                "source", "one of csv, query and function, which says where the rows are from"
            )
        if self.function is not None and not all(self.function_parts):
            raise PydanticCustomError("function", "FILE.py:NAME, such as ../seeds/kinds.py:rows")
        return self

    @property
    def source(self) -> str:
        """As the spec names it."""
        return self.csv or self.query or self.function or ""

    @property
    def function_parts(self) -> tuple[str, str]:
        """The file, and the name in it."""
        file, _, name = (self.function or "").rpartition(":")
        return file, name


class SeedSpec(Model):
    """Rows that one database must have. What else is in its tables is nobody's business here."""

    role: Identifier | None = Field(
        None, description="a declared role, no superuser, that writes them; default: the database's owner"
    )
    clear: bool = Field(
        False, description="`pgdeploy seed --clear` may empty these tables; never write that for production"
    )
    rows: Annotated[tuple[SeedTableSpec, ...], Field(min_length=1)] = Field(
        description="tables in the order in which they are filled"
    )
