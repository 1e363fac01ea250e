"""Facts: the actual state of a server, read in bulk, once.

A `Query` is one bulk catalogue read: a file in the folder `sql` of a layer, and the row it gives; `Facts` keeps the
rows, and the sections of the other layers. What could not be read raises `Unreadable` when somebody asks for it, never
before, and is never mistaken for absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pgdeploy.errors import Inapplicable, Shut, Unreadable

if TYPE_CHECKING:
    from pgdeploy.reach.server import Server

T = TypeVar("T")
Rows = Mapping[str, "tuple[Any, ...] | Unreadable"]

_MISSING = object()

COPIED = "template1"
"""What CREATE DATABASE copies; read when a declared database is absent, to know what a new one holds."""


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
    layer: str = "server"
    """Whose folder has the file."""

    def text(self, major: int) -> str:
        fitting = [variant for variant in self.variants if variant <= major]
        return _sql(self.layer, f"{self.name}@{max(fitting)}" if fitting else self.name)


@cache
def _sql(layer: str, name: str) -> str:
    return (files(f"pgdeploy.layers.{layer}") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


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


class Identity(NamedTuple):
    number: int


IDENTITY = Query("identity", Identity._make)


NOBODY = ServerFact(0, "", False, "", False)
"""Who answers where PostgreSQL does not."""


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
    sections: Mapping[str, Any] = field(default_factory=dict)
    """What was read of the other layers, by their names, or why not: of those that the spec speaks of."""
    down: str = ""
    """Why nothing above a layer can answer, such as a VM that does not run."""
    lost: str = ""
    """Why PostgreSQL does not answer, when another layer does: these facts are about the others alone."""
    _memo: dict[Any, Any] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        """Short, as a failing assertion shows it; what was read may be secret."""
        about = self.about
        others = "".join(f", and of its {layer}" for layer in self.sections if self.has(layer))
        return f"<Facts of PostgreSQL {about.version // 10000}.{about.version % 10000}, read as {about.user}{others}>"

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

    def has(self, layer: str) -> bool:
        """Whether the spec speaks of a layer, and this kind of server can have it."""
        return layer in self.sections and not isinstance(self.sections[layer], Inapplicable)

    def section(self, layer: str) -> Any:
        """What was read of a layer.

        Raises:
            Inapplicable: this server is reached without it.
            Unreadable: it did not answer, or nobody asked it.
        """
        if layer not in self.sections:
            raise Unreadable(f"nothing was read of it, as the spec has no `{layer}:`")
        if isinstance(found := self.sections[layer], Exception):
            raise found
        return found

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
