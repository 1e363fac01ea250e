"""PGD8xx: what nothing refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgdeploy.layers.server.membership import of
from pgdeploy.lint.privilege import own_lines
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.model.database import DatabaseSpec
from pgdeploy.model.inheritance import TEMPLATES, inherited
from pgdeploy.model.named import OwnedSpec
from pgdeploy.postgres import pg_hba
from pgdeploy.text.naming import quoted_name

_ROLES = documentation("Database Roles", "user-manag")
_DATABASES = documentation("Managing Databases", "managing-databases")
_IDLE = "nobody owns it, uses it or copies it; write who does"


@rule("PGD801", Severity.NOTE, "a role that nothing refers to", _ROLES)
def idle_role(subject: Subject) -> Iterator[Hit]:
    """A role without LOGIN is there to hold privileges, to own things or to have members. This one does
    none of it as far as the spec says: no grant and no default privilege names it, it owns nothing, it
    has no members and is none, and no rule of `hba:` lets it in. Often `login: true` was forgotten, or
    what it was for went away. Say what it is for, or write `state: absent`: a role that is left over is a
    name under which somebody gets rights one day."""
    used = set(_used_roles(subject))
    for role, body in subject.roles.items():
        if not body.login and role not in used and not body.member_of:
            message = "it cannot log in, holds nothing, owns nothing and has no members; write what it is for"
            yield Hit(f"role[{quoted_name(role)}]", ("roles", role), f"{message}, or `state: absent`")


def _used_roles(subject: Subject) -> Iterator[str]:
    for body in subject.spec.roles.values():
        for membership in of(body):
            yield membership.role
            yield membership.grantor or ""
        yield body.reassign_owned_to or ""
    for line in own_lines(subject):
        yield from line.spec.roles
    for _, entry in subject.spec.hba_rules:
        yield from map(pg_hba.bare, entry.user)
    for mapped in subject.spec.ident or ():
        yield pg_hba.bare(mapped.role)
    yield from _owners(subject)


def _owners(subject: Subject) -> Iterator[str]:
    yield from (one.owner or "" for one in subject.spec.tablespaces.values())
    for body in subject.spec.databases.values():
        yield body.owner or ""
        yield from (schema.owner or "" for schema in body.schemas.values())
        yield from (line.owner for line in body.ownership)
        yield from (one.owner or "" for section in _named(body) for one in section.values())
        for line in body.default_privileges:
            yield from (*line.for_, *line.roles)


@rule("PGD802", Severity.NOTE, "a database that nothing refers to", _DATABASES)
def idle_database(subject: Subject) -> Iterator[Hit]:
    """The spec says that this database exists and nothing else that gives it a use: no owner, no grant,
    no schema or extension, no default privileges; no role has settings in it, no rule of `hba:` names it,
    and none is copied from it. Only a superuser can make anything in it. Either its privileges were
    forgotten, or it is left over, and is backed up and watched for nothing. Write who uses it, or take it
    out of the spec; this tool never drops a database."""
    used = set(_used_databases(subject))
    for database, body in subject.spec.databases.items():
        known = [
            body.owner,
            *(part for _, source in inherited(subject.spec, database) for part in _contents(source)),
        ]
        if database not in used and not any(known):
            yield Hit(
                f"database[{quoted_name(database)}]",
                ("databases", database),
                _IDLE,
            )


def _named(body: DatabaseSpec) -> tuple[Mapping[str, OwnedSpec], ...]:
    """What has a name of its own in a database and an owner."""
    return body.publications, body.event_triggers


def _contents(body: DatabaseSpec) -> tuple[object, ...]:
    """What gives a database, and every copy of it, a use."""
    of_objects = (body.ownership, body.default_privileges, body.row_security)
    return body.grants, body.schemas, body.extensions, body.foreign_servers, *of_objects, *_named(body)


def _used_databases(subject: Subject) -> Iterator[str]:
    yield from (*TEMPLATES, "postgres")
    for body in subject.spec.databases.values():
        yield body.from_template or ""
    for role in subject.roles.values():
        yield from role.settings_in
    for _, entry in subject.spec.hba_rules:
        yield from map(pg_hba.bare, entry.database)


RULES = (idle_role, idle_database)
