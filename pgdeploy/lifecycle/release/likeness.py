"""What a database looks like: its schema as pg_dump writes it, and a digest of each table's rows in any order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.layers.migration.project import database_of
from pgdeploy.layers.migration.rehearsal import SchemaDump
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.text.naming import quoted_name
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_TABLES = """
SELECT n.nspname::text, c.relname::text
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relname <> %s
ORDER BY 1, 2
"""
_DIGEST = """
SELECT pg_catalog.count(*),
    coalesce(pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.textin(pg_catalog.record_out(t.*)), 0)), 0)::text
FROM ONLY {} AS t
"""
"""No cast: whoever owns a table may make one of its rows, which would run as us."""


class Likeness(NamedTuple):
    """`rows` are number and digest by table."""

    schema: str
    rows: Mapping[str, tuple[int, str]]


def likeness(spec: Spec, name: str, section: MigrationSpec, server: Server) -> Likeness:
    """Of the database of one entry of `migrations:`. Reads every row. Raises TargetError: it cannot be read."""
    from psycopg import sql

    found: dict[str, tuple[int, str]] = {}
    with as_target_error(server.address), closing(server.open(database_of(name, section))) as connection:
        for schema, table in connection.execute(_TABLES.encode(), [section.version_table]).fetchall():
            label = sql.Identifier(str(schema), str(table))
            number: Any
            ((number, digest),) = connection.execute(sql.SQL(_DIGEST).format(label)).fetchall()
            found[label.as_string(None)] = (int(number), str(digest))
    return Likeness(SchemaDump(spec, name, section, server)(), found)


def differences(name: str, before: Likeness, now: Likeness) -> Iterator[str]:
    """What is not as it was, the first lines of it."""
    where = quoted_name(name)
    if before.schema != now.schema:
        was, there = before.schema.splitlines(), now.schema.splitlines()
        lines = [f"+ {line}" for line in there if line not in was] + [
            f"- {line}" for line in was if line not in there
        ]
        yield f"{where}: the schema is not as before: {one_line('; '.join(lines[:3])) or 'its order differs'}"
    for label in sorted({*before.rows, *now.rows}):
        was_rows, rows = before.rows.get(label), now.rows.get(label)
        if was_rows != rows:
            had = "was not there" if was_rows is None else f"had {was_rows[0]} rows"
            has = "is gone" if rows is None else f"has {rows[0]} rows, and not all as before"
            yield f"{where}: {label} {had}, and {has}"
