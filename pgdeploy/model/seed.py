"""Seeds: `seeds:`, rows that a database must have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pgdeploy.local.path import LocalPath
from pgdeploy.spec.model import Identifier, Model


class SeedTableSpec(Model):
    """Rows of one table, from a file."""

    table: Identifier = Field(description="a table that a migration made")
    schema_: Identifier = Field("public", alias="schema", description="of the table")
    csv: Annotated[LocalPath, Field(min_length=1)] = Field(
        description="a file of rows, whose first line has the names of the columns"
    )
    key: Annotated[tuple[Identifier, ...], Field(min_length=1)] = Field(
        description="columns that say which row it is; a unique index must be on them"
    )
    null_text: str = Field("", description="how the file writes NULL")


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
