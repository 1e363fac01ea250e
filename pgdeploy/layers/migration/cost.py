"""How long a revision would keep others off a table, estimated before it runs from what it does and how large that is.

A statement that writes a table anew, or reads all of it under a lock, takes as long as its bytes do. The rates are
those of a slow disk, so that an estimate is rather too long; a rehearsal on a restored copy knows better.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.errors import TargetError
from pgdeploy.layers.migration.project import database_of
from pgdeploy.layers.migration.squawk import advice, statements_of
from pgdeploy.text.naming import listing, quoted_name
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

READS, WRITES = 200 * 1024**2, 50 * 1024**2
"""Bytes in a second."""
_WORK = {
    "changing-column-type": WRITES,
    "adding-field-with-default": WRITES,
    "require-concurrent-index-creation": READS,
    "require-concurrent-reindex": READS,
    "constraint-missing-not-valid": READS,
    "adding-not-nullable-field": READS,
    "adding-serial-primary-key-field": READS,
    "disallowed-unique-constraint": READS,
}
"""squawk's rules that speak of such a statement."""
_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_TABLE = re.compile(
    rf"\s*(?:ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?|REINDEX\s+TABLE\s+"
    rf"|CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{_NAME}\s+)?ON\s+(?:ONLY\s+)?)"
    rf"(?P<name>{_NAME}(?:\s*\.\s*{_NAME})?)",
    re.IGNORECASE,
)
_SIZES = """
SELECT t.name, pg_catalog.max(s.size)::int8
FROM pg_catalog.unnest(%s::text[]) AS t(name)
CROSS JOIN LATERAL pg_catalog.parse_ident(t.name) AS p(parts)
JOIN pg_catalog.pg_class AS c ON c.relname = p.parts[pg_catalog.cardinality(p.parts)]
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.sum(pg_catalog.pg_table_size(r.relid)) AS size
    FROM (SELECT c.oid::regclass AS relid UNION SELECT f.relid FROM pg_catalog.pg_partition_tree(c.oid) AS f) AS r
) AS s
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_'
  AND (pg_catalog.cardinality(p.parts) = 1 OR n.nspname = p.parts[1])
GROUP BY t.name
"""
"""Of a name without a schema the largest of all tables that have it; with its partitions."""


class Held(NamedTuple):
    """A table, how large it is in bytes, and for how many seconds others are kept off it."""

    table: str
    size: int
    seconds: float

    def __str__(self) -> str:
        return f"keeps others off {self.table} ({shown(self.size, 'B')}) for about {shown(self.seconds, 's')}"


def estimates(
    spec: Spec, name: str, section: MigrationSpec, sqls: Mapping[str, str], server: Server
) -> dict[str, Held]:
    """Of the SQL of each revision the table that it holds for longest; none of those that hold none that has rows.

    Raises:
        TargetError: the database cannot be reached; or there is a `max_lock:`, and a size cannot be read.
        MissingExtra: squawk is not installed.
    """
    import psycopg

    work = _work(spec, section, sqls)
    tables = sorted({table for found in work.values() for table, _ in found})
    if not tables:
        return {}
    try:
        with closing(server.open(database_of(name, section))) as connection:
            connection.execute("SET lock_timeout = '2s'")
            rows: list[Any] = connection.execute(_SIZES.encode(), [tables]).fetchall()
    except psycopg.Error as error:
        if section.max_lock is None:
            return {}
        said = error.diag.message_primary or str(error)
        raise TargetError(
            f"{quoted_name(name)}: the size of {listing(tables)} cannot be read: {said}"
        ) from error
    sizes = dict(rows)
    found = {revision: _longest(one, sizes) for revision, one in work.items()}
    return {revision: held for revision, held in found.items() if held is not None}


def _longest(work: Sequence[tuple[str, int]], sizes: Mapping[str, int]) -> Held | None:
    """All that is done to one table takes its time after each other, and the lock ends with the transaction."""
    seconds: dict[str, float] = {}
    for table, rate in work:
        if sizes.get(table):
            seconds[table] = seconds.get(table, 0.0) + sizes[table] / rate
    if not seconds:
        return None
    table = max(seconds, key=lambda one: seconds[one])
    return Held(table, sizes[table], seconds[table])


def _work(spec: Spec, section: MigrationSpec, sqls: Mapping[str, str]) -> dict[str, list[tuple[str, int]]]:
    """Of each revision the tables that statements read or write whole while others wait, and how fast they do.

    squawk is asked once for all of them: what it says is told by its lines.
    """
    said = advice("".join(map(_ended, sqls.values())), spec.postgres, section.path.parent)
    found: dict[str, list[tuple[str, int]]] = {}
    first = 1
    for revision, sql in sqls.items():
        after = first + _ended(sql).count("\n")
        mine = {
            (one.line - first + 1, _WORK[one.rule])
            for one in said
            if first <= one.line < after and one.rule in _WORK
        }
        found[revision] = list(_tables(sql, sorted(mine)))
        first = after
    return found


def _ended(sql: str) -> str:
    return sql if sql.endswith("\n") else f"{sql}\n"


def _tables(sql: str, work: Sequence[tuple[int, int]]) -> Iterator[tuple[str, int]]:
    """The table of the statement on each line."""
    begins = [(sql.count("\n", 0, one.begin) + 1, one.text) for one in statements_of(sql)] if work else []
    for line, rate in work:
        text = next((text for begin, text in reversed(begins) if begin <= line), "")
        if (named := _TABLE.match(text)) is not None:
            yield re.sub(r"\s", "", named["name"]), rate
