"""What the gate reads of migrations: the scripts, the version table, and indexes that were left half made."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, LiteralString

from pgdeploy.errors import MissingExtra, TargetError, Unreadable
from pgdeploy.layers.migration import sqitch
from pgdeploy.layers.migration.project import ask, database_of, on_server, role_of, scripts_of
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.layers.migration.scripts import Scripts
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_NAMED = """
SELECT n.nspname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = %(table)s AND c.relkind NOT IN ('i', 'I', 'c', 't') AND n.nspname !~ '^pg_'
  AND coalesce(%(schema)s::text, n.nspname) = n.nspname
ORDER BY 1
"""
"""Where the table is: Alembic makes it in the first schema of the search_path, which is not ours to know."""
_TABLE = """
SELECT c.relkind::text, a.atttypid IN ('pg_catalog.varchar'::regtype, 'pg_catalog.text'::regtype)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = %s AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass(%s)
"""
_ROWS: Mapping[str, LiteralString] = {
    "alembic": "SELECT version_num, '' FROM ONLY {}",
    "sql": "SELECT version_num, digest FROM ONLY {}",
    "sqitch": sqitch.ROWS,
}

_INVALID = """
SELECT pg_catalog.format('%I.%I on %I', n.nspname, c.relname, t.relname)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
ORDER BY 1
"""


_STRANGERS = """
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname), o.rolname::text
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner
JOIN pg_catalog.pg_roles AS r ON r.rolname = coalesce(%(role)s::text, current_user::text)
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
WHERE c.relname = %(table)s AND c.relkind NOT IN ('i', 'I', 'c', 't') AND n.nspname !~ '^pg_'
  AND coalesce(%(schema)s::text, n.nspname) = n.nspname
  AND NOT o.rolsuper AND o.oid <> d.datdba
  AND (r.rolsuper OR NOT pg_catalog.pg_has_role(r.oid, o.oid, 'MEMBER'))
"""
"""Version tables of somebody who could have given them a trigger, which would run as who writes them."""


@dataclass(frozen=True, slots=True)
class InDatabase:
    """What a database says."""

    read: Mapping[str, str] | Unreadable | None
    """The versions that its table has, of files of SQL each with its digest; None without such a table."""
    invalid: tuple[str, ...]
    """Indexes that nobody builds any more, and nobody can use."""

    @property
    def versions(self) -> tuple[str, ...] | None:
        """Raises Unreadable: what has the version table's name is none."""
        return None if self._known is None else tuple(sorted(self._known))

    @property
    def digests(self) -> Mapping[str, str]:
        """Of the revisions that say one. Raises Unreadable as `versions` does."""
        return {name: digest for name, digest in (self._known or {}).items() if digest}

    @property
    def _known(self) -> Mapping[str, str] | None:
        if isinstance(self.read, Unreadable):
            raise self.read
        return self.read


@dataclass(frozen=True, slots=True)
class MigrationFact:
    """One directory of scripts, and its database."""

    scripts: Scripts | Unreadable
    database: InDatabase | Unreadable
    differences: tuple[str, ...] | Unreadable | None = None
    """What is to be done to the database for it to be as the models of env.py; None where that names none, and where
    revisions are pending."""

    @property
    def known_scripts(self) -> Scripts:
        """Raises Unreadable: Alembic cannot read them."""
        if isinstance(self.scripts, Unreadable):
            raise self.scripts
        return self.scripts

    @property
    def at_head(self) -> bool:
        """Raises Unreadable: nobody knows."""
        versions = self.known_database.versions
        return versions is not None and self.known_scripts.are_all_in(versions)

    @property
    def changed(self) -> list[str]:
        """Revisions whose files are not what was run. Raises Unreadable: nobody knows."""
        return self.known_scripts.changed(self.known_database.digests)

    @property
    def known_database(self) -> InDatabase:
        """Raises Unreadable: the database or its version table cannot be read."""
        if isinstance(self.database, Unreadable):
            raise self.database
        return self.database


def read_all(sections: Mapping[str, MigrationSpec], server: Server) -> dict[str, MigrationFact]:
    """Each entry of `migrations:`; what cannot be read of one says nothing of the others.

    Raises:
        MissingExtra: Alembic is not installed.
    """
    return {
        name: MigrationFact(_scripts(one), _database(name, one, server)) for name, one in sections.items()
    }


def with_models(
    spec: Spec, sections: Mapping[str, MigrationSpec], known: Mapping[str, MigrationFact], server: Server
) -> dict[str, MigrationFact]:
    """The same, and how the databases differ from the models, where all revisions are there: env.py compares them."""
    return {
        name: replace(fact, differences=_differences(spec, name, sections[name], fact, server))
        for name, fact in known.items()
    }


def _differences(
    spec: Spec, name: str, section: MigrationSpec, fact: MigrationFact, server: Server
) -> tuple[str, ...] | Unreadable | None:
    try:
        if not fact.at_head:
            return None
    except Unreadable as error:
        return error
    return differences_of(spec, name, section, server)


def differences_of(
    spec: Spec, name: str, section: MigrationSpec, server: Server
) -> tuple[str, ...] | Unreadable | None:
    """What is to be done to a database that has all revisions for it to be as the models; None where there are none."""
    if section.kind != "alembic":
        return None
    try:
        found = ask(section, "models", on_server(spec, name, section, server, writes=False))["differences"]
    except TargetError as error:
        return Unreadable(str(error))
    return None if found is None else tuple(found)


def _scripts(section: MigrationSpec) -> Scripts | Unreadable:
    try:
        return scripts_of(section)
    except MissingExtra:
        raise
    except TargetError as error:
        return Unreadable(str(error))


def _database(name: str, section: MigrationSpec, server: Server) -> InDatabase | Unreadable:
    import psycopg

    try:
        with closing(server.open(database_of(name, section))) as connection:
            return InDatabase(_read(section, connection), _invalid(connection))
    except TargetError as error:
        return Unreadable(str(error))
    except psycopg.Error as error:
        return Unreadable(str(error.diag.message_primary or error))


def require_own_table(spec: Spec, name: str, section: MigrationSpec, server: Server) -> None:
    """Before anything is written there.

    Raises:
        TargetError: the version table belongs to somebody else, whose triggers would run as the role that migrates.
    """
    asked = {
        "table": section.version_table,
        "schema": section.version_schema,
        "role": role_of(spec, name, section) or None,
    }
    with closing(server.open(database_of(name, section))) as connection:
        found = connection.execute(_STRANGERS.encode(), asked).fetchone()
    if found is not None:
        table, owner = found[0], quoted_name(str(found[1]))
        raise TargetError(
            f"{quoted_name(name)}: the version table {table} belongs to {owner}, whose triggers would run as the role "
            "that migrates",
            f"give it to that role: ALTER TABLE {table} OWNER TO ...",
        )


def _invalid(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in connection.execute(_INVALID.encode()).fetchall())


def _read(
    section: MigrationSpec, connection: psycopg.Connection[Any]
) -> Mapping[str, str] | Unreadable | None:
    import psycopg

    try:
        with connection.transaction():
            connection.execute("SET LOCAL row_security = off")
            return _versions(section, connection)
    except Unreadable as error:
        return error
    except psycopg.Error as error:
        return Unreadable(str(error.diag.message_primary or error))


def _versions(section: MigrationSpec, connection: psycopg.Connection[Any]) -> Mapping[str, str] | None:
    """From a plain table alone, which is locked before it is looked at: a view would run its owner's functions."""
    from psycopg import sql

    asked = {"table": section.version_table, "schema": section.version_schema}
    schemas = [str(schema) for (schema,) in connection.execute(_NAMED, asked).fetchall()]
    if not schemas:
        return None
    shown = [f"{quoted_name(schema)}.{quoted_name(section.version_table)}" for schema in schemas]
    if len(schemas) > 1:
        raise Unreadable(f"{', '.join(shown)}: write `schema:` to say which is the version table")
    name = sql.Identifier(schemas[0], section.version_table)
    connection.execute("SET LOCAL lock_timeout = '5s'")
    connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(name))
    column = "change" if section.kind == "sqitch" else "version_num"
    found = connection.execute(_TABLE, [column, name.as_string(None)]).fetchone()
    if found != ("r", True):
        raise Unreadable(f"{shown[0]} is no version table: a table with a column {column} of type varchar is")
    values = [sqitch.project_of(section)] if section.kind == "sqitch" else []
    rows = connection.execute(sql.SQL(_ROWS[section.kind]).format(name), values).fetchall()
    return {str(version): str(digest) for version, digest in rows}
