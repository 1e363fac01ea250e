"""What the gate reads of seeds: how each table differs from its file, as the role that writes it sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias

from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.layers.seed.rows import Differences, differences
from pgdeploy.layers.seed.source import rows_of

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.seed import SeedSpec, SeedTableSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

Seeded: TypeAlias = "tuple[Differences | Unreadable | None, ...]"
"""Of each table of a database, in the order of the spec; None where there is no such table."""


def role_of(spec: Spec, database: str, section: SeedSpec) -> str:
    """Who writes; empty where nothing says so: then it is who we are."""
    return section.role or spec.databases[database].owner or ""


def become(connection: psycopg.Connection[Any], role: str) -> None:
    """Raises psycopg.Error: we may not."""
    from psycopg import sql

    if role:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def read_all(spec: Spec, sections: Mapping[str, SeedSpec], server: Server) -> dict[str, Seeded]:
    """Each entry of `seeds:`, in one session a database."""
    return {name: tuple(_read(spec, name, section, server)) for name, section in sections.items()}


def _read(
    spec: Spec, database: str, section: SeedSpec, server: Server
) -> Iterator[Differences | Unreadable | None]:
    import psycopg

    try:
        with closing(server.open(database)) as connection:
            become(connection, role_of(spec, database, section))
            connection.execute("SET default_transaction_read_only = on")
            for seed in section.rows:
                yield _compared(seed, connection)
    except (TargetError, psycopg.Error) as error:
        why = str(error) if isinstance(error, TargetError) else said(error)
        yield from (Unreadable(why) for _ in section.rows)


def _compared(seed: SeedTableSpec, connection: psycopg.Connection[Any]) -> Differences | Unreadable | None:
    import psycopg

    try:
        return differences(seed, rows_of(seed, connection), connection)
    except TargetError as error:
        return Unreadable(str(error))
    except psycopg.Error as error:
        if connection.closed:
            raise
        return Unreadable(said(error))


def said(error: psycopg.Error) -> str:
    """The server's words without details, which quote rows."""
    return str(error.diag.message_primary or error)
