"""Who may make tables in a schema, as far as the spec says."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.people import groups, has_members
from pgdeploy.lint.subject import Subject
from pgdeploy.resources.database import inherited
from pgdeploy.resources.grant import lines_of


def schemas(subject: Subject, database: str) -> list[str]:
    """public, and what the database and its templates declare."""
    declared = (schema for _, body in inherited(subject.spec, database) for schema in body.schemas)
    return list(dict.fromkeys(["public", *declared]))


def schema_owner(subject: Subject, database: str, schema: str) -> str | None:
    """From 15 public belongs to pg_database_owner, which is the owner of the database it is in."""
    for _, body in inherited(subject.spec, database):
        written = body.schemas.get(schema)
        if written is not None and written.owner is not None:
            return written.owner
    own = schema == "public" and subject.spec.postgres >= 15
    return subject.spec.databases[database].owner if own else None


def makers(subject: Subject, database: str, schema: str) -> Iterator[str]:
    """Declared roles that can make a table in the schema, in the order in which they are declared.

    The owner of a database that does not own the schema can grant itself nothing there; a superuser can
    do all. Who has a right through a group makes tables as itself, or as the group by SET ROLE.
    """
    direct = set(_granted(subject, database, schema))
    if (owner := schema_owner(subject, database, schema)) is not None:
        direct.add(owner)
    for role, body in subject.roles.items():
        able = body.superuser or "PUBLIC" in direct or direct & groups(subject, role)
        # somebody must be able to act as the role
        if able and (body.login or has_members(subject, role)):
            yield role


def _granted(subject: Subject, database: str, schema: str) -> Iterator[str]:
    major = subject.spec.postgres
    open_to_all = schema == "public" and major < 15
    for line in lines_of(subject.spec, database):
        if line.kind == "schema" and line.spec.on.schema_ == schema and "CREATE" in line.privileges(major):
            yield from line.spec.to or ()
            open_to_all = open_to_all and "PUBLIC" not in (line.spec.from_ or ())
    if open_to_all:
        yield "PUBLIC"
