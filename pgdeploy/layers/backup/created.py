"""How a database was created: what CREATE DATABASE fixes for good, so that a restore can create another one like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_READ = """
SELECT d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text,
  pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text,
  coalesce(j.row ->> 'datlocprovider', 'c'), coalesce(j.row ->> 'datlocale', j.row ->> 'daticulocale'),
  j.row ->> 'daticurules'
FROM pg_catalog.pg_database d CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(d)) AS j(row)
WHERE d.datname = ANY (%s::name[])
"""
"""As JSON a row has the columns of its version: 14 has no locale provider, and 17 has another name for the locale."""

_PROVIDERS = {"b": "builtin", "c": "libc", "i": "icu"}
_LOCALE_CLAUSES = {"b": "BUILTIN_LOCALE", "i": "ICU_LOCALE"}


@dataclass(frozen=True, slots=True)
class Created:
    """What CREATE DATABASE fixes. `provider` is a letter of pg_database.datlocprovider."""

    owner: str
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str | None = None
    icu_rules: str | None = None

    def statement(self, name: str, major: int) -> sql.Composed:
        """CREATE DATABASE for an empty database like it, on a server of this major version."""
        from psycopg import sql

        start = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
            sql.Identifier(name), sql.Identifier(self.owner)
        )
        words = (
            sql.SQL(f"{clause} {{}}").format(sql.Literal(value)) for clause, value in self._clauses(major)
        )
        return sql.SQL(" ").join([start, *words])

    def _clauses(self, major: int) -> Iterator[tuple[str, str]]:
        yield from (("ENCODING", self.encoding), ("LC_COLLATE", self.collate), ("LC_CTYPE", self.ctype))
        if major >= 15:
            yield "LOCALE_PROVIDER", _PROVIDERS[self.provider]
        if self.locale is not None:
            yield _LOCALE_CLAUSES[self.provider], self.locale
        if self.icu_rules is not None:
            yield "ICU_RULES", self.icu_rules


def created(connection: psycopg.Connection[Any], databases: Sequence[str]) -> Mapping[str, Created]:
    """How these databases were created, in their order; a database that does not exist is left out."""
    rows = {name: Created(*row) for name, *row in connection.execute(_READ, [list(databases)]).fetchall()}
    return {name: rows[name] for name in databases if name in rows}
