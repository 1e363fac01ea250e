"""Rows in a rehearsal: what the spec's fixtures write, and which of them a revision or its way back loses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.errors import TargetError
from pgdeploy.layers.migration.project import database_of, role_of
from pgdeploy.local.path import read_named
from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from typing import Any

    import psycopg

    from pgdeploy.layers.migration.scripts import Scripts
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_TABLES = """
SELECT c.oid::int8, pg_catalog.format('%%I.%%I', n.nspname, c.relname), a.columns
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.array_agg(t.attname::text ORDER BY t.attnum) AS columns
    FROM pg_catalog.pg_attribute t WHERE t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
) AS a
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relname <> %s AND a.columns IS NOT NULL
"""


class Table(NamedTuple):
    """The rows of one table: how many, and a digest of the values of each column, whatever their order."""

    name: str
    number: int
    digests: Mapping[str, str]


Rows = Mapping[int, Table]
"""Of all tables that have rows, by their oids, which stay when a table is renamed."""


class Fixtures:
    """Writes the rows that the spec names for a revision, and reads what all tables have."""

    def __init__(
        self, spec: Spec, name: str, section: MigrationSpec, scripts: Scripts, server: Server
    ) -> None:
        """Raises TargetError: one is for a revision that there is not, or its file cannot be read."""
        known = {one.revision for one in scripts.revisions}
        if unknown := [revision for revision in section.fixtures if revision not in known]:
            raise TargetError(
                f"fixtures: there is no revision {unknown[0]}; known: {', '.join(sorted(known))}"
            )
        self._texts = {
            revision: read_named(Path(file).expanduser()) for revision, file in section.fixtures.items()
        }
        self._files = section.fixtures
        self._server, self._database = server, database_of(name, section)
        self._role = role_of(spec, name, section)
        self._table = section.version_table

    def write(self, revision: str) -> None:
        """Raises TargetError: the server refuses them."""
        import psycopg
        from psycopg import sql

        if revision not in self._texts:
            return
        with closing(self._server.open(self._database)) as connection:
            try:
                connection.execute('SET search_path = "$user", public')
                if self._role:
                    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(self._role)))
                with connection.transaction():
                    connection.execute(self._texts[revision].encode())
            except psycopg.Error as error:
                said = error.diag.message_primary or str(error)
                raise TargetError(f"{self._files[revision]}: after revision {revision}: {said}") from error

    def read(self) -> Rows:
        """What all tables have now."""
        with closing(self._server.open(self._database)) as connection:
            found: list[Any] = connection.execute(_TABLES.encode(), [self._table]).fetchall()
            tables: Rows = {oid: _read(connection, name, columns) for oid, name, columns in found}
        return {oid: table for oid, table in tables.items() if table.number}


def _read(connection: psycopg.Connection[Any], name: str, columns: list[str]) -> Table:
    from psycopg import sql

    value = (
        "pg_catalog.md5(pg_catalog.string_agg(pg_catalog.md5(coalesce({0}::text, '')) || ({0} IS NULL)::text, '' "
        "ORDER BY pg_catalog.md5(coalesce({0}::text, '')), {0} IS NULL))"
    )
    digests = sql.SQL(", ").join(sql.SQL(value).format(sql.Identifier(column)) for column in columns)
    query = sql.SQL("SELECT pg_catalog.count(*), ARRAY[{}] FROM ONLY {} AS t").format(digests, sql.SQL(name))
    found = connection.execute(query).fetchone()
    assert found is not None  # noqa: S101 - an aggregate gives a row
    return Table(name, found[0], dict(zip(columns, found[1], strict=True)))


def lost(before: Rows, now: Rows) -> Iterator[str]:
    """What is gone of the rows that were there, table by table."""
    for table, other in _pairs(before, now):
        gone = table.number - (other.number if other is not None else 0)
        if gone > 0:
            yield f"{gone} of {counted(table.number, 'row')} of {table.name}"


def changed(before: Rows, now: Rows) -> Iterator[str]:
    """Columns whose values are not what they were, of tables that have all their rows."""
    for table, other in _pairs(before, now):
        if other is None or other.number != table.number:
            continue
        for column, digest in table.digests.items():
            if other.digests.get(column) != digest:
                yield f"the values of {table.name}.{column}"


def _pairs(before: Rows, now: Rows) -> Iterator[tuple[Table, Table | None]]:
    """Each table and what became of it: one that was made anew has another oid, and its name."""
    by_name = {table.name: table for table in now.values()}
    for oid, table in before.items():
        yield table, now.get(oid) or by_name.get(table.name)
