"""Migrations: `migrations:`, the scripts that make a database's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Span
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.spec.model import Day, Identifier, Model

Kind: TypeAlias = Literal["alembic", "sql", "sqitch"]
TABLES: dict[Kind, str] = {"alembic": "alembic_version", "sql": "schema_versions", "sqitch": "changes"}
"""The version table of each kind, where the spec names none."""
Scripts: TypeAlias = "Annotated[LocalPath, Field(min_length=1)] | None"


class AllowedSpec(Model):
    """A revision that may lose something."""

    until: Day = Field(description="the last day on which it may be applied")
    reason: str = Field(min_length=10, description="why nothing is missed")


class MigrationSpec(Model):
    """One directory of scripts, of Alembic, of SQL or of Sqitch, and the database that they are for."""

    alembic: Scripts = Field(
        None, description="the folder of Alembic's env.py and versions/, or its alembic.ini"
    )
    sql: Scripts = Field(
        None, description="the folder of numbered files: 0001_NAME.up.sql and .down.sql, or 0001_NAME.sql"
    )
    sqitch: Scripts = Field(
        None, description="the folder of sqitch.plan: sqitch runs it, and the gate says what is missing"
    )
    database: Identifier | None = Field(None, description="default: the name of this entry")
    role: Identifier | None = Field(
        None,
        description="a declared role, no superuser, that owns what is made; default: the database's owner",
    )
    table: Identifier | None = Field(
        None,
        description="the version table; default: alembic_version, of SQL schema_versions, of Sqitch changes",
    )
    schema_: Identifier | None = Field(
        None,
        alias="schema",
        description="of the version table; default: the first of the search_path, as Alembic has it, of SQL public, "
        "of Sqitch sqitch",
    )
    lock_timeout: Span = Field(
        "5s", description="a statement that waits so long for a lock gives up, and its revision is run again"
    )
    retries: Annotated[int, Field(ge=0, le=1000)] = Field(
        5, description="so often a revision is run again that waited for a lock"
    )
    statement_timeout: Span | None = Field(None, description="a statement that runs for longer is canceled")
    index_timeout: Span = Field("1h", description="CREATE INDEX CONCURRENTLY may take so long")
    max_lock: Span | None = Field(
        None,
        description="for so long a revision may keep others off a table; one that will is not run without a word, and "
        "one that does is stopped",
    )
    destructive: FrozenMap[str, AllowedSpec] = Field(
        default_factory=FrozenMap, description="revisions that may drop what holds data, by their ids"
    )
    fixtures: FrozenMap[str, Annotated[LocalPath, Field(min_length=1)]] = Field(
        default_factory=FrozenMap,
        description="files of SQL that a rehearsal runs after a revision: rows, which those after it must not lose",
    )

    @model_validator(mode="after")
    def _require_one_kind(self) -> Self:
        if sum(path is not None for path in (self.alembic, self.sql, self.sqitch)) != 1:
            raise PydanticCustomError(
                "kind", "one of alembic, sql and sqitch, which says where the scripts are"
            )
        return self

    @property
    def kind(self) -> Kind:
        """Which scripts they are."""
        return "alembic" if self.alembic is not None else "sql" if self.sql is not None else "sqitch"

    @property
    def path(self) -> Path:
        """Where they are."""
        return Path(self.alembic or self.sql or self.sqitch or "").expanduser().resolve()

    @property
    def version_table(self) -> str:
        """The name of the table that says which of them were run."""
        return self.table or TABLES[self.kind]

    @property
    def version_schema(self) -> str | None:
        """Where that table is; None: where the search_path leads, or led, whoever made it."""
        return self.schema_ or ("sqitch" if self.kind == "sqitch" else None)
