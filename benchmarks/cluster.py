"""A generated cluster: 1,000 roles, 20 databases of 20 schemas with a table each, 20,000 grants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    roles: int = 1000
    databases: int = 20
    schemas: int = 20
    grants: int = 20_000
    """A grant is one privilege of one role on one object: half USAGE on schemas, half SELECT on tables."""

    @property
    def readers(self) -> int:
        """Roles that may use one schema and read its table."""
        return self.grants // (2 * self.databases * self.schemas)


def role(number: int) -> str:
    return f"reader_{number:04}"


def readers(size: Size, database: int, schema: int) -> list[str]:
    """Who may read one schema; every role gets its turn."""
    first = (database * size.schemas + schema) * size.readers
    return sorted(role((first + step) % size.roles) for step in range(size.readers))


def spec(size: Size) -> str:
    """The spec of the cluster, one line a schema and kind of object."""
    return "\n".join(_spec(size)) + "\n"


def _spec(size: Size) -> Iterator[str]:
    yield "postgres: 16"
    yield "roles:"
    yield "  postgres: {superuser: true}"
    yield from (f"  {role(number)}: {{login: true}}" for number in range(size.roles))
    yield "databases:"
    for database in range(size.databases):
        yield f"  db_{database:02}:"
        yield "    schemas:"
        yield from (f"      s_{schema:02}: {{}}" for schema in range(size.schemas))
        yield "    grants:"
        for schema in range(size.schemas):
            who = ", ".join(readers(size, database, schema))
            yield f"      - {{grant: [USAGE], on: {{schema: s_{schema:02}}}, to: [{who}]}}"
            yield f"      - {{grant: [SELECT], on: {{schema: s_{schema:02}, all: tables}}, to: [{who}]}}"


def raw_roles(size: Size) -> list[str]:
    return [f"CREATE ROLE {role(number)} LOGIN" for number in range(size.roles)]


def tables(size: Size) -> list[str]:
    """What the application makes: one table a schema."""
    return [f"CREATE TABLE s_{schema:02}.t (id int)" for schema in range(size.schemas)]


def schemas(size: Size) -> list[str]:
    return [f"CREATE SCHEMA s_{schema:02}" for schema in range(size.schemas)]


def raw_grants(size: Size, database: int) -> list[str]:
    """The grants of one database, merged per grantee and schema."""
    return [
        text
        for schema in range(size.schemas)
        for who in readers(size, database, schema)
        for text in (
            f"GRANT USAGE ON SCHEMA s_{schema:02} TO {who}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA s_{schema:02} TO {who}",
        )
    ]
