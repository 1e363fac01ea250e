"""Migrations: `migrations:`, the scripts that make a database's tables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Span
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.spec.model import Day, Identifier, Model


class AllowedSpec(Model):
    """A revision that may lose something."""

    until: Day = Field(description="the last day on which it may be applied")
    reason: str = Field(min_length=10, description="why nothing is missed")


class MigrationSpec(Model):
    """One directory of scripts, and the database that they are for."""

    alembic: Annotated[LocalPath, Field(min_length=1)] = Field(
        description="the folder of Alembic's env.py and versions/, or its alembic.ini"
    )
    database: Identifier | None = Field(None, description="default: the name of this entry")
    role: Identifier | None = Field(
        None,
        description="a declared role, no superuser, that owns what is made; default: the database's owner",
    )
    table: Identifier = Field("alembic_version", description="the version table")
    schema_: Identifier | None = Field(
        None,
        alias="schema",
        description="of the version table; default: the first of the search_path, as Alembic has it",
    )
    lock_timeout: Span = Field(
        "5s", description="a statement that waits so long for a lock gives up, and its revision is run again"
    )
    retries: Annotated[int, Field(ge=0, le=1000)] = Field(
        5, description="so often a revision is run again that waited for a lock"
    )
    statement_timeout: Span | None = Field(None, description="a statement that runs for longer is canceled")
    index_timeout: Span = Field("1h", description="CREATE INDEX CONCURRENTLY may take so long")
    destructive: FrozenMap[str, AllowedSpec] = Field(
        default_factory=FrozenMap, description="revisions that may drop what holds data, by their ids"
    )
