"""Facts: the actual state of a server, read in bulk, once.

A `Query` is one bulk catalogue read: a file in resources/sql and the row it gives. `read` runs all
queries of the server and of each database in one round trip each, the databases side by side, and
keeps the rows. What could not be read raises `Unreadable` when somebody asks for it, never before, and
is never mistaken for absent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar

from pgdeploy.errors import Inapplicable, PgdeployError, Shut, TargetError, Unreadable
from pgdeploy.reach.server_message import told
from pgdeploy.reach.session import CANCELED, deadline, decode_leniently
from pgdeploy.reach.side_by_side import closing, side_by_side

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.host import Host
    from pgdeploy.reach.server import Server

T = TypeVar("T")
Rows = Mapping[str, "tuple[Any, ...] | Unreadable"]
HostRead: TypeAlias = "Mapping[str, Any] | Unreadable | Inapplicable | None"

_MISSING = object()

COPIED = "template1"
"""What CREATE DATABASE copies; read when a declared database is absent, to know what a new one holds."""

SIDE_BY_SIDE = 4
"""Connections at a time: measured, more gain nothing on a server of few cores."""


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """One bulk read. `variants` name major versions from which `name@MAJOR.sql` is read instead.

    A `scoped` one has parameters: what it reads depends on what the spec declares. Nobody but
    a `superuser` may ask a query that says so.
    """

    name: str
    row: Callable[[Iterable[Any]], T]
    in_database: bool = False
    variants: tuple[int, ...] = ()
    since: int = 0
    scoped: bool = False
    superuser: bool = False

    def text(self, major: int) -> str:
        fitting = [variant for variant in self.variants if variant <= major]
        return _sql(f"{self.name}@{max(fitting)}" if fitting else self.name)


@cache
def _sql(name: str) -> str:
    return (files("pgdeploy.layers.server") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


class ServerFact(NamedTuple):
    """Who answers and who asks, who may make it read its files anew. `version` is server_version_num."""

    version: int
    user: str
    superuser: bool
    encoding: str
    standby: bool
    reloads: bool = True

    @property
    def major(self) -> int:
        return self.version // 10000


class DatabaseName(NamedTuple):
    name: str
    connectable: bool


class Identity(NamedTuple):
    number: int


IDENTITY = Query("identity", Identity._make)


class TooOld(TargetError):
    """PostgreSQL answers, and is older than we know."""


NOBODY = ServerFact(0, "", False, "", False)
"""Who answers where PostgreSQL does not."""

NO_HOST = "no host access over --dsn"

_SERVER = """
SELECT current_setting('server_version_num')::int, current_user::text, r.rolsuper,
       current_setting('server_encoding'), pg_is_in_recovery(),
       has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE')
FROM pg_roles r WHERE r.rolname = current_user
"""
_NAMES = "SELECT datname::text, datallowconn FROM pg_database"


@dataclass(frozen=True)
class Facts:
    """What was read. `server` is None for facts that were saved and loaded: those have no probes."""

    about: ServerFact
    server: Server | None
    rows_of_server: Rows
    rows_of_databases: Mapping[str, Rows]
    closed: frozenset[str] = frozenset()
    """Databases that allow no connections."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Databases that could not be entered to read them, and why."""
    shut: Mapping[str, Shut] = field(default_factory=dict)
    """The same, where the spec wants to look into them: which check says so."""
    host: HostRead = None
    """What was read of the host under the server; None when the spec does not speak of it."""
    vm: Any = None
    """What was read of the VM under the host, or why not; None when the spec does not speak of one."""
    lost: str = ""
    """Why PostgreSQL does not answer, when its host does: these facts are about the host alone."""
    _memo: dict[Any, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        """Short, as a failing assertion shows it; what was read may be secret."""
        about = self.about
        host = ", and of its host" if self.has_host else ""
        return f"<Facts of PostgreSQL {about.version // 10000}.{about.version % 10000}, read as {about.user}{host}>"

    def rows(self, query: Query[T], database: str | None = None) -> tuple[T, ...]:
        """The rows of a query.

        Raises:
            Unreadable: the query failed, or the database is absent or refused us.
        """
        if self.about.major < query.since:
            return ()
        source = self.rows_of_server if database is None else self.rows_of_databases.get(database)
        if source is None:
            raise Unreadable(f"database {database} was not read")
        found = source.get(query.name)
        if found is None:
            raise Unreadable(f"{query.name} were not read")
        if isinstance(found, Unreadable):
            raise found
        return found

    @property
    def system(self) -> str:
        """The cluster's own number, which no two clusters share; empty when we may not ask for it."""
        found = self.rows_of_server.get(IDENTITY.name)
        return "" if found is None or isinstance(found, Unreadable) else str(found[0].number)

    @property
    def has_host(self) -> bool:
        """Whether the spec speaks of the host, and we have access to one."""
        return self.host is not None and not isinstance(self.host, Inapplicable)

    @property
    def host_facts(self) -> Mapping[str, Any]:
        """What the host says of itself, by section.

        Raises:
            Inapplicable: this server is reached without its host.
            Unreadable: the host did not answer.
        """
        if self.host is None:
            raise Unreadable("the host was not read, as the spec has no host section")
        if isinstance(self.host, Exception):
            raise self.host
        return self.host

    def once(self, build: Callable[..., T], *arguments: Any) -> T:
        """`build(facts, *arguments)`, computed once for these facts: an index over rows, say."""
        key = (build, *arguments)
        found = self._memo.get(key, _MISSING)
        if found is _MISSING:
            try:
                found = build(self, *arguments)
            except Unreadable as error:
                found = error
            self._memo[key] = found
        if isinstance(found, Unreadable):
            raise found
        return found  # type: ignore[no-any-return]

    def shutting(self, shut: Mapping[str, Shut]) -> Facts:
        """These facts, where what stands in these databases is not simply unreadable."""
        rows = {
            name: dict.fromkeys(known, shut[name]) if name in shut else known
            for name, known in self.rows_of_databases.items()
        }
        return replace(self, rows_of_databases=rows, shut=shut, _memo={})

    def assuming(self, databases: Mapping[str, Rows], shared: Mapping[str, Sequence[Any]]) -> Facts:
        """These facts as if there were more databases, and more rows of the server: what a plan will make."""
        rows_of_server = dict(self.rows_of_server)
        for query, rows in shared.items():
            known = rows_of_server[query]
            rows_of_server[query] = known if isinstance(known, Unreadable) else (*known, *rows)
        rows_of_databases = {**self.rows_of_databases, **databases}
        return replace(self, rows_of_server=rows_of_server, rows_of_databases=rows_of_databases, _memo={})


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


def read(
    server: Server,
    queries: Sequence[Query[Any]],
    scope: Scope,
    look: Callable[[Host], Any] | None = None,
    look_at_vm: Callable[[], Any] | None = None,
) -> Facts:
    """Read everything: what `look_at_vm` reads of the VM, then SQL, and side by side with it what `look` reads.

    A VM that does not run is asked nothing. Where PostgreSQL does not answer, and its host or Proxmox does, the
    facts are about those alone.

    Raises:
        TargetError: the server cannot be reached.
    """
    if look is None and look_at_vm is None:
        return _read_sql(server, queries, scope)
    vm = _look_at_vm(server, look_at_vm)
    if down := getattr(vm, "down", ""):
        # nothing else can answer, and ssh would only wait for it
        return Facts(NOBODY, server, {}, {}, host=Unreadable(down), vm=vm, lost=down)
    with side_by_side(1) as pool:
        at_host = pool.submit(_look, server, look)
        try:
            facts = _read_sql(server, queries, scope)
        except TooOld:
            raise
        except TargetError as error:
            host = at_host.result()
            if all(known is None or isinstance(known, Exception) for known in (host, vm)):
                raise _both(error, vm) from None
            return Facts(NOBODY, server, {}, {}, host=host, vm=vm, lost=str(error))
        return replace(facts, host=at_host.result(), vm=vm)


def _both(error: TargetError, vm: Any) -> TargetError:
    """Why neither the server nor Proxmox can be asked; neither need be the reason of the other."""
    return TargetError(f"{error}; nor could Proxmox be asked: {vm}") if isinstance(vm, Unreadable) else error


def _look_at_vm(server: Server, look: Callable[[], Any] | None) -> Any:
    if look is None:
        return None
    if server.kind != "live" or server.host is None:
        return Inapplicable(f"no VM on {server.kind}" if server.kind != "live" else "no VM over --dsn")
    try:
        return look()
    except PgdeployError as error:
        return Unreadable(str(error))


def _look(server: Server, look: Callable[[Host], Any] | None) -> HostRead:
    if look is None:
        return None
    if server.host is None:
        embedded = server.kind == "embedded"
        return Inapplicable("an embedded server has no host of its own" if embedded else NO_HOST)
    try:
        return look(server.host)  # type: ignore[no-any-return]
    except PgdeployError as error:
        return Unreadable(str(error))


def _read_sql(server: Server, queries: Sequence[Query[Any]], scope: Scope) -> Facts:
    """One round trip for the server, one for each of the databases that exists."""
    with told(server.address), closing(server.open()) as connection:
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
    if len(known) < len(set(scope.databases)):
        known.append(COPIED)

    refused: dict[str, str] = {}

    def read_one(name: str) -> Rows:
        if not names[name].connectable:
            refused[name] = f"database {name} allows no connections"
            return _all_unreadable(there, refused[name])
        try:
            with told(server.address):
                opened = server.open(name)
        except TargetError as error:
            refused[name] = str(error)
            return _all_unreadable(there, refused[name])
        try:
            with told(server.address), closing(opened) as connection:
                return _read_all(server, connection, there, about.major, scope)
        except TargetError as error:
            return _all_unreadable(there, str(error))

    with side_by_side(SIDE_BY_SIDE) as pool:
        rows_of_databases = dict(zip(known, pool.map(read_one, known), strict=True))
    closed = frozenset(name for name, known in names.items() if not known.connectable)
    return Facts(about, server, rows_of_server, rows_of_databases, closed, refused)


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
