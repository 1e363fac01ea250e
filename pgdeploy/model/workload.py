"""Workloads: `workloads:`, statements whose speed and plan the server promises."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Size, Span
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.spec.model import Identifier, Model

WRITES = (
    "it changes rows: it runs in a database of its own, like `database` but empty, which is dropped after it"
)
PREPARE = "SQL that the role fills this database with; only with `writes`"


class QuerySpec(Model):
    """A value that the database has."""

    query: Annotated[str, Field(min_length=1, description="gives one row with one column, as the same role")]


class FileSpec(Model):
    """Values of a parameter, one a line."""

    file: Annotated[LocalPath, Field(min_length=1)] = Field(
        description="one value a line; the rounds take them in turn"
    )


class StatementSpec(Model):
    """One statement, run as the role that uses it, in a read-only transaction unless it `writes`."""

    database: Identifier = Field(description="where it runs")
    role: Identifier = Field(description="a declared role, no superuser: it logs in as the application does")
    sql: Annotated[str, Field(min_length=1, description="one statement; parameters stand as %(name)s")]
    parameters: FrozenMap[str, str | int | float | bool | QuerySpec | FileSpec | None] = Field(
        default_factory=FrozenMap,
        description="values of its parameters, by name, or `{query: SELECT ...}` or `{file: PATH}`",
    )
    rounds: Annotated[int, Field(ge=1, le=10_000)] = Field(10, description="so often it is timed")
    writes: bool = Field(False, description=WRITES)
    prepare: Annotated[str, Field(min_length=1)] | None = Field(None, description=PREPARE)
    warmup: Annotated[int, Field(ge=0, le=1000)] = Field(1, description="so often it runs before that")
    timeout: Span = Field("10s", description="a run that takes longer is canceled, and fails")
    median: Span | None = Field(None, description="the middle one of all rounds may take so long")
    p95: Span | None = Field(None, description="95 of 100 rounds may take so long")
    p99: Span | None = Field(None, description="99 of 100 rounds may take so long")
    rows: Annotated[int, Field(ge=0)] | None = Field(None, description="rows that it gives, exactly")
    buffers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="blocks of shared buffers that it may touch, found there or read"
    )
    temp: Size | None = Field(None, description="it may write so much to temporary files")
    plan: tuple[str, ...] = Field(
        (), description="nodes that its plan must have, as EXPLAIN names them: `Index Scan using orders_day`"
    )
    plan_without: tuple[str, ...] = Field((), description="nodes that its plan must not have")


class ScriptSpec(Model):
    """One script of pgbench, run by several clients at once."""

    database: Identifier = Field(description="where it runs")
    role: Identifier = Field(description="a declared role, no superuser: it logs in as the application does")
    script: Annotated[str, Field(min_length=1, description="as pgbench --file reads it: one transaction")]
    writes: bool = Field(False, description=WRITES)
    prepare: Annotated[str, Field(min_length=1)] | None = Field(None, description=PREPARE)
    clients: Annotated[int, Field(ge=1, le=1000)] = Field(1, description="sessions at once")
    duration: Span = Field("5s", description="so long it runs, in whole seconds")
    reconnect: bool = Field(False, description="each transaction in a session of its own, as without a pool")
    timeout: Span = Field("10s", description="a statement that takes longer is canceled, and fails")
    throughput: Annotated[float, Field(gt=0)] | None = Field(
        None, description="at least so many transactions a second"
    )
    median: Span | None = Field(None, description="the middle one of all transactions may take so long")
    p95: Span | None = Field(None, description="95 of 100 transactions may take so long")
    p99: Span | None = Field(None, description="99 of 100 transactions may take so long")


class WorkloadsSpec(Model):
    """Statements whose speed and plan the server promises."""

    budget: Span = Field("2min", description="all of them together may take so long; the rest is not run")
    statements: FrozenMap[str, StatementSpec] = Field(default_factory=FrozenMap, description="by name")
    scripts: FrozenMap[str, ScriptSpec] = Field(
        default_factory=FrozenMap, description="scripts of pgbench, by name"
    )
