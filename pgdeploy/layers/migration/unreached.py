"""Tables that a rehearsal made and that nobody can use: what the spec grants does not reach them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.layers.migration.lint import MigrationAdvice
from pgdeploy.layers.migration.project import database_of
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.layers.migration.scripts import Scripts
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.reach.server import Server

UNREACHED = "unreached-table"
"""The rule."""
_QUERY = """
SELECT n.nspname::text, c.relname::text, o.rolname::text
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relname <> %s
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_roles m
    WHERE m.rolcanlogin AND NOT m.rolsuper AND pg_catalog.pg_has_role(m.oid, o.oid, 'USAGE'))
  AND NOT EXISTS (
    SELECT FROM pg_catalog.aclexplode(c.relacl) a WHERE a.grantee <> c.relowner)
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_attribute t, pg_catalog.aclexplode(t.attacl) a
    WHERE t.attrelid = c.oid AND a.grantee <> c.relowner)
ORDER BY 1, 2
"""


def unreached(
    name: str, section: MigrationSpec, scripts: Scripts, server: Server
) -> Iterator[MigrationAdvice]:
    """Each table and view of the database that its owner alone may use, and nobody logs in as the owner.

    Raises:
        TargetError: the database cannot be reached.
    """
    with closing(server.open(database_of(name, section))) as connection:
        rows = connection.execute(_QUERY, [section.version_table]).fetchall()
    for schema, table, owner in rows:
        file, line = _made_by(str(table), scripts)
        shown = f"{quoted_name(str(schema))}.{quoted_name(str(table))}"
        message = (
            f"nobody can use {shown}: no grant and no default privilege of the spec reaches it, and nobody logs in as "
            f"its owner {quoted_name(str(owner))}"
        )
        yield MigrationAdvice(file, line, UNREACHED, message)


def _made_by(table: str, scripts: Scripts) -> tuple[str, int]:
    """The first line that names it; the last revision's first where none does."""
    for one in scripts.revisions:
        for number, line in enumerate(Path(one.path).read_text(encoding="utf-8").splitlines(), 1):
            if table in line:
                return one.path, number
    return scripts.revisions[-1].path, 1
