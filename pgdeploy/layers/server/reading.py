"""The server's part of the facts: all queries of the server and of each database in one round trip each, the databases
side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.core.facts import COPIED, IDENTITY, Query, Rows, ServerFact
from pgdeploy.errors import TargetError, TooOld, Unreadable
from pgdeploy.layers.server import ident, library, row_security
from pgdeploy.layers.server.acl import ACLS, SYSTEM
from pgdeploy.layers.server.kinds import QUERIES
from pgdeploy.layers.server.rolefact import HELD
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.reach.session import CANCELED, deadline, decode_leniently
from pgdeploy.reach.side_by_side import SIDE_BY_SIDE, closing, side_by_side

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

_SERVER = """
SELECT current_setting('server_version_num')::int, current_user::text, r.rolsuper,
       current_setting('server_encoding'), pg_is_in_recovery(),
       has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE')
FROM pg_roles r WHERE r.rolname = current_user
"""
_NAMES = "SELECT datname::text, datallowconn FROM pg_database"


class DatabaseName(NamedTuple):
    name: str
    connectable: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """What a spec declares, as far as reading depends on it."""

    databases: Collection[str]
    roles: Collection[str]
    named: Collection[str] = ()
    """Objects of the system's schemas that it names: thousands of others there are nobody's concern."""
    whole: Collection[str] = ()
    """Of which it says `all`: the schema and the kind of object, such as `pg_catalog function`."""
    extensions: Collection[tuple[str, str | None]] = ()
    """Extensions, and the versions that it wants."""
    libraries: Collection[str] = ()
    """Libraries that it wants loaded."""
    tables: Collection[tuple[str, str]] = ()
    """Tables whose row level security it speaks of: schema and name."""
    absent: Collection[str] = ()
    """Roles that must not be there."""
    only_declared: bool = False
    """Whether no role but the declared ones may be there."""
    whole_server: bool = False
    """Whether every database is read, whatever is declared; template0 lets nobody in."""

    def goes(self, role: str) -> bool:
        """Whether a role that is not declared is dropped by a plan, as far as the spec alone says so."""
        return self.only_declared or role in self.absent

    @property
    def parameters(self) -> dict[str, list[str | None]]:
        return {
            "databases": list(self.databases),
            "roles": list(self.roles),
            "named": list(self.named),
            "extensions": [extension for extension, _ in self.extensions],
            "versions": [version for _, version in self.extensions],
            "libraries": list(self.libraries),
            "whole": list(self.whole),
            "table_schemas": [schema for schema, _ in self.tables],
            "tables": [table for _, table in self.tables],
        }


def queries(spec: Spec) -> list[Query[Any]]:
    """What is asked for a spec."""
    # a server without pg_ident.conf runs, and a login may be one that must not read it
    return [query for query in QUERIES if query not in ident.QUERIES or spec.ident is not None]


def scope(spec: Spec) -> Scope:
    """What a spec declares, as far as reading depends on it."""
    present = [role for role, body in spec.roles.items() if body.state == "present"]
    named, whole = _asked_of_the_system(spec)
    libraries, tables = library.in_spec(spec), row_security.tables_of(spec)
    absent = [role for role, body in spec.roles.items() if body.state == "absent"]
    only_declared = spec.undeclared.roles == "drift"
    return Scope(
        list(spec.databases),
        present,
        named,
        whole,
        _extensions(spec),
        libraries,
        tables,
        absent,
        only_declared,
    )


def _extensions(spec: Spec) -> list[tuple[str, str | None]]:
    """Extensions and their versions, each once."""
    bodies = spec.databases.values()
    return list(
        dict.fromkeys(
            (extension, one.version) for body in bodies for extension, one in body.extensions.items()
        )
    )


def _asked_of_the_system(spec: Spec) -> tuple[list[str], list[str]]:
    """Names that the spec has for objects of the system's schemas, and the kinds there of which it says `all`."""
    bodies = spec.databases.values()
    objects = [line.on for body in bodies for line in body.grants]
    objects += [line.on for body in bodies for line in body.ownership]
    there = [on for on in objects if on.schema_ in SYSTEM]
    named = {on.name for on in there if on.name}
    return sorted(named), sorted({f"{on.schema_} {on.kind}" for on in there if on.all})


def read_sql(server: Server, queries: Sequence[Query[Any]], scope: Scope) -> Mapping[str, Any]:
    """One round trip for the server, one for each of the databases that exists: the fields of `Facts` that it fills.

    Raises:
        TooOld, TargetError: the server is not supported, or cannot be reached.
    """
    with as_target_error(server.address), closing(server.open()) as connection:
        about = ServerFact._make(connection.execute(_SERVER).fetchone())  # type: ignore[arg-type]
        if about.major < 14:
            raise TooOld(f"{server.address}: PostgreSQL {about.major} is too old; 14 to 18 are supported")
        here = [
            query
            for query in (IDENTITY, *queries)
            if not query.in_database
            and query.since <= about.major
            and (about.superuser or not query.superuser)
        ]
        rows_of_server = _read_all(server, connection, here, about.major, scope)
        decode_leniently(connection)
        names = {name.name: name for name in map(DatabaseName._make, connection.execute(_NAMES).fetchall())}
    there = [query for query in queries if query.in_database and query.since <= about.major]
    known = [name for name in dict.fromkeys(scope.databases) if name in names]
    if scope.whole_server:
        known = [name for name in sorted(names) if name != "template0"]
    elif len(known) < len(set(scope.databases)):
        known.append(COPIED)
    held_in = [name for name in _held_in(rows_of_server, scope) if name in names and name not in known]

    refused: dict[str, str] = {}

    def read_one(name: str) -> Rows:
        asked = [ACLS] if name in held_in else there
        if not names[name].connectable:
            refused[name] = f"database {name} allows no connections"
            return _all_unreadable(asked, refused[name])
        try:
            with as_target_error(server.address):
                opened = server.open(name)
        except TargetError as error:
            refused[name] = str(error)
            return _all_unreadable(asked, refused[name])
        try:
            with as_target_error(server.address), closing(opened) as connection:
                return _read_all(server, connection, asked, about.major, scope)
        except TargetError as error:
            return _all_unreadable(asked, str(error))

    with side_by_side(SIDE_BY_SIDE) as pool:
        read = [*known, *held_in]
        rows_of_databases = dict(zip(read, pool.map(read_one, read), strict=True))
    closed = frozenset(name for name, known in names.items() if not known.connectable)
    return {
        "about": about,
        "rows_of_server": rows_of_server,
        "rows_of_databases": rows_of_databases,
        "closed": closed,
        "refused": refused,
    }


def _held_in(rows: Rows, scope: Scope) -> list[str]:
    """Databases in which roles that go hold something: what others granted them there must be taken back by name."""
    held = rows.get(HELD.name, ())
    if isinstance(held, Unreadable):
        return []
    return sorted({row.database for row in held if row.database and row.granted and scope.goes(row.role)})


def _all_unreadable(queries: Iterable[Query[Any]], reason: str) -> Rows:
    return {query.name: Unreadable(reason) for query in queries}


def _read_all(
    server: Server,
    connection: psycopg.Connection[Any],
    queries: Sequence[Query[Any]],
    major: int,
    scope: Scope,
) -> Rows:
    """All queries in one round trip and one snapshot; when one fails, each by itself to know which.

    Raises:
        TargetError: the connection was lost, or the server took longer than it may.
    """
    import psycopg

    with deadline(connection, server.budget, server.address):
        try:
            return _read_together(connection, queries, major, scope)
        except UnicodeDecodeError:
            # a name in another encoding: it is shown with its bytes, and the rest is read
            decode_leniently(connection)
            return _read_together(connection, queries, major, scope)
        except psycopg.Error as error:
            if connection.closed:
                raise TargetError(f"the connection was lost while reading: {str(error).strip()}") from error
            if error.sqlstate == CANCELED:
                raise
            return _read_each(connection, queries, major, scope)


def _read_together(
    connection: psycopg.Connection[Any], queries: Sequence[Query[Any]], major: int, scope: Scope
) -> Rows:
    with connection.pipeline() as pipeline:
        # or BEGIN would come in the middle of the implicit transaction, where the level cannot change
        pipeline.sync()
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursors = [_ask(connection, query, major, scope) for query in queries]
        connection.execute("COMMIT")
    fetched = [cursor.fetchall() for cursor in cursors]
    return {query.name: tuple(map(query.row, rows)) for query, rows in zip(queries, fetched, strict=True)}


def _ask(
    connection: psycopg.Connection[Any], query: Query[Any], major: int, scope: Scope
) -> psycopg.Cursor[Any]:
    return connection.execute(query.text(major), scope.parameters if query.scoped else None)


def _read_each(
    connection: psycopg.Connection[Any], queries: Sequence[Query[Any]], major: int, scope: Scope
) -> Rows:
    import psycopg

    connection.execute("ROLLBACK")
    decode_leniently(connection)
    found: dict[str, tuple[Any, ...] | Unreadable] = {}
    for query in queries:
        try:
            found[query.name] = tuple(map(query.row, _ask(connection, query, major, scope).fetchall()))
        except psycopg.Error as error:
            message = error.diag.message_primary or str(error).strip()
            found[query.name] = Unreadable(f"{query.name} could not be read: {message}")
    return found
