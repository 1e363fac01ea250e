"""Which query measures which quantity."""

from __future__ import annotations

from typing import NamedTuple

from pgdeploy.core.facts import Query


class Found(NamedTuple):
    """A quantity, what it is of, and the statements behind it; without a value, what could not be read, and why."""

    value: float | None
    culprit: str | None
    statements: list[str] | None


class Counter(NamedTuple):
    """A counter of a database, and since when it counts."""

    database: str
    total: float
    since: str | None


class Who(NamedTuple):
    """Whether we see the sessions of others."""

    sees_all: bool


class Folder(NamedTuple):
    """A folder of the server on its host."""

    path: str
    what: str


def _server(name: str, *variants: int) -> Query[Found]:
    return Query(name, Found._make, variants=variants, layer="threshold")


def _database(name: str) -> Query[Found]:
    return Query(name, Found._make, in_database=True, layer="threshold")


QUERIES = {
    ("connections", "used"): _server("connections"),
    ("locks", "longest_wait"): _server("lock_waits"),
    ("transactions", "longest"): _server("transactions"),
    ("transactions", "idle"): _server("idle"),
    ("transactions", "prepared"): _server("prepared"),
    ("cache", "hit_ratio"): _server("cache"),
    ("replication", "lag"): _server("replication"),
    ("slots", "held"): _server("slots"),
    ("wal", "backlog"): _server("wal"),
    ("wal", "archive_backlog"): _server("archive_backlog"),
    ("wal", "archive_failing"): _server("archive_failing"),
    ("age", "transactions"): _server("transaction_ids"),
    ("age", "multixacts"): _server("multixact_ids"),
    ("checkpoints", "requested"): _server("checkpoints", 17),
    ("tables", "dead"): _database("dead_rows"),
    ("tables", "unvacuumed"): _database("unvacuumed"),
    ("indexes", "invalid"): _database("invalid_indexes"),
    ("indexes", "duplicate"): _database("duplicate_indexes"),
    ("indexes", "unused"): _database("unused_indexes"),
    ("sequences", "used"): _database("sequences"),
    ("keys", "used"): _database("keys"),
}
"""By thing and field; those of a database are asked in each."""

SESSIONS = ("connections", "locks", "transactions", "replication")
"""Things of which a login without pg_read_all_stats sees its own sessions alone."""

WHO = Query("who", Who._make, layer="threshold")
FOLDERS = Query("folders", Folder._make, layer="threshold")
TEMP_FILES = Query("temp_files", Counter._make, layer="threshold")
