"""Who may make tables in a schema, as far as the spec says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgdeploy.layers.server.grant_line import lines_of
from pgdeploy.lint.people import has_members, members
from pgdeploy.lint.subject import Subject
from pgdeploy.model.inheritance import inherited


def schemas(subject: Subject, database: str) -> Mapping[str, str | None]:
    """public, and what the database and its templates declare; with the owner of each, if the spec says it."""
    return subject.once(_find_schemas, database)


def _find_schemas(subject: Subject, database: str) -> Mapping[str, str | None]:
    owners: dict[str, str | None] = {"public": None}
    for _, body in inherited(subject.spec, database):
        for schema, written in body.schemas.items():
            owners[schema] = owners.get(schema) or written.owner
    # From 15 public belongs to pg_database_owner, which is the owner of the database it is in.
    if owners["public"] is None and subject.spec.postgres >= 15:
        owners["public"] = subject.spec.databases[database].owner
    return owners


def makers(subject: Subject, database: str, schema: str) -> Iterator[str]:
    """Declared roles that can make a table in the schema, in the order in which they are declared.

    The owner of a database that does not own the schema can grant itself nothing there; a superuser can
    do all. Who has a right through a group makes tables as itself, or as the group by SET ROLE.
    """
    direct = set(subject.once(_granted, database).get(schema, ()))
    if (owner := schemas(subject, database).get(schema)) is not None:
        direct.add(owner)
    order = subject.once(_order)
    able = order.keys() if "PUBLIC" in direct else {*subject.once(_superusers), *members(subject, direct)}
    for role in sorted(able & order.keys(), key=order.__getitem__):
        # somebody must be able to act as the role
        if subject.roles[role].login or has_members(subject, role):
            yield role


def _order(subject: Subject) -> Mapping[str, int]:
    return {role: index for index, role in enumerate(subject.roles)}


def _superusers(subject: Subject) -> Sequence[str]:
    return [role for role, body in subject.roles.items() if body.superuser]


def _granted(subject: Subject, database: str) -> Mapping[str, set[str]]:
    """Who is granted CREATE, by schema."""
    major = subject.spec.postgres
    open_to_all, found = major < 15, dict[str, set[str]]()
    for line in lines_of(subject.spec, database):
        if line.kind == "schema" and "CREATE" in line.privileges(major):
            schema = line.spec.on.schema_ or ""
            found.setdefault(schema, set()).update(line.spec.to or ())
            open_to_all = open_to_all and not (schema == "public" and "PUBLIC" in (line.spec.from_ or ()))
    if open_to_all:
        found.setdefault("public", set()).add("PUBLIC")
    return found
