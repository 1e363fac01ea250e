"""PGD7xx: whether a role with `purpose: backup` can read all there will be.

pg_dump stops at the first table that it may not read, so a backup that worked for months fails on the day
when somebody else than the usual one makes a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgdeploy.layers.server.grant_line import Line, lines_of
from pgdeploy.lint.maker import makers, schemas
from pgdeploy.lint.people import groups
from pgdeploy.lint.privilege import chain
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.postgres.privilege import expand
from pgdeploy.text.naming import examples, quoted_name

_DEFAULTS = documentation("ALTER DEFAULT PRIVILEGES", "sql-alterdefaultprivileges")
_DUMP = documentation("pg_dump", "app-pgdump")
_DOCUMENT = "Database Deployment 1.0, section 3.3"

Gap = tuple[str, str]
"""Who makes something, and in which schema, that the backup role cannot read."""


def _backup_roles(subject: Subject) -> Iterator[tuple[str, frozenset[str]]]:
    """Roles for backups that cannot read everything by what they are, and whose rights they use."""
    for role, body in subject.roles.items():
        if body.purpose == "backup" and not body.superuser:
            rights = groups(subject, role, inherited=True)
            if "pg_read_all_data" not in rights:
                yield role, rights


def _covered(
    subject: Subject, database: str, kind: str, rights: frozenset[str]
) -> set[tuple[str, str | None]]:
    """Creators and schemas (None: everywhere) whose default privileges let these rights read."""
    found: set[tuple[str, str | None]] = set()
    for _, line in chain(subject, database):
        spec = line.spec
        reads = spec.kind == kind and "SELECT" in expand(spec.grant or (), kind, subject.spec.postgres)
        if reads and {*rights, "PUBLIC"} & set(spec.to or ()):
            found.update((creator, spec.in_schema) for creator in spec.for_)
    return found


def gaps(subject: Subject, database: str, kind: str, rights: frozenset[str]) -> Iterator[Gap]:
    """Who can make something of this kind in which schema, that these rights will not reach."""
    covered = _covered(subject, database, kind, rights)
    for schema in schemas(subject, database):
        for maker in makers(subject, database, schema):
            # who owns a thing can read it, and so can whoever inherits the owner's rights
            if maker not in rights and not covered & {(maker, None), (maker, schema)}:
                yield maker, schema


def _new_gaps(subject: Subject, kind: str) -> Iterator[tuple[str, str, Sequence[Gap]]]:
    """Gaps by backup role and database: those that a template brings are named there, where they are mended."""
    for role, rights in _backup_roles(subject):
        for database, body in subject.spec.databases.items():
            here = list(gaps(subject, database, kind, rights))
            if body.from_template in subject.spec.databases:
                known = set(gaps(subject, body.from_template or "", kind, rights))
                here = [gap for gap in here if gap not in known]
            if here:
                yield role, database, here


def _missing(subject: Subject, plural: str, kind: str) -> Iterator[Hit]:
    for role, database, found in _new_gaps(subject, kind):
        makers = examples(f"{quoted_name(maker)} in schema {quoted_name(schema)}" for maker, schema in found)
        maker, schema = found[0]
        place = f"for: {quoted_name(maker)}, in_schema: {quoted_name(schema)}"
        line = f"{{{place}, grant: [SELECT], on: {plural}, to: [{quoted_name(role)}]}}"
        message = (
            f"{quoted_name(role)} cannot read {plural} that are made by {makers}{_copies(subject, database)}; "
            f"add {line}{' and so on' if len(found) > 1 else ''}, or make it a member of pg_read_all_data"
        )
        yield Hit(
            f"default_privilege[{quoted_name(database)}]",
            ("databases", database, "default_privileges"),
            message,
        )


def _copies(subject: Subject, database: str) -> str:
    copies = subject.once(_find_copies).get(database)
    return f", here and in its copies {examples(copies)}" if copies else ""


def _find_copies(subject: Subject) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for copy, body in subject.spec.databases.items():
        found.setdefault(body.from_template or "", []).append(quoted_name(copy))
    return found


@rule(
    "PGD701",
    Severity.WARNING,
    "tables will be made that the backup role cannot read",
    f"{_DEFAULTS}; {_DOCUMENT}",
)
def unread_tables(subject: Subject) -> Iterator[Hit]:
    """Default privileges belong to the role that makes a table: ALTER DEFAULT PRIVILEGES FOR ROLE
    postgres does nothing for what another role makes. Whoever may CREATE in a schema (by a grant, also
    through a membership; as owner of the schema or the database; as superuser) may make a table there,
    and the backup role cannot read it unless there are default privileges for exactly that creator.
    pg_dump then stops with "permission denied", and there is no backup of anything. Write a line for each
    creator, or make the role a member of pg_read_all_data, which reads everything there is and will be.
    Tables that exist already need a grant: default privileges never reach back. Schemas that the spec
    does not declare are not looked at."""
    yield from _missing(subject, "tables", "table")


@rule(
    "PGD702",
    Severity.WARNING,
    "sequences will be made that the backup role cannot read",
    f"{_DUMP}; {_DOCUMENT}",
)
def unread_sequences(subject: Subject) -> Iterator[Hit]:
    """pg_dump reads the state of every sequence, so it needs SELECT on them as on tables; a serial or
    identity column makes one without anybody asking for it. Default privileges on tables do not hold for
    sequences. The first table with such a column ends the backup with "permission denied for sequence".
    Write the line for `sequences` beside the one for `tables`, or make the role a member of
    pg_read_all_data, which holds for both."""
    yield from _missing(subject, "sequences", "sequence")


def _holders(
    lines: Iterable[Line], kind: str, privilege: str, major: int
) -> Mapping[str | None, Mapping[str, bool]]:
    """By object, who holds a privilege by these lines: True granted, False revoked."""
    found: dict[str | None, dict[str, bool]] = {}
    for line in lines:
        if line.kind == kind and privilege in line.privileges(major):
            held = dict.fromkeys(line.spec.roles, line.spec.to is not None)
            found.setdefault(line.spec.on.name, {}).update(held)
    return found


def _users_of_schemas(subject: Subject, database: str) -> Mapping[str | None, Mapping[str, bool]]:
    return _holders(lines_of(subject.spec, database), "schema", "USAGE", subject.spec.postgres)


def _closed(subject: Subject, database: str, schema: str, rights: frozenset[str]) -> bool:
    """Whether nothing gives these rights USAGE: PUBLIC has it on public and on no other schema."""
    held = subject.once(_users_of_schemas, database).get(schema, {})
    public = held.get("PUBLIC", schema == "public")
    owner = schemas(subject, database).get(schema)
    return (
        not public
        and owner not in rights
        and not any(given and role in rights for role, given in held.items())
    )


@rule("PGD703", Severity.WARNING, "a schema that the backup role may not look into", f"{_DUMP}; {_DEFAULTS}")
def closed_schema(subject: Subject) -> Iterator[Hit]:
    """SELECT on a table is of no use without USAGE on its schema, and PUBLIC has that on public alone.
    pg_dump locks every table before it reads any, so one schema that is closed to it ends the whole dump.
    Grant USAGE on each schema to the backup role, `{grant: [USAGE], on: {schema: NAME}, to: [ROLE]}`, in
    the template if the schema comes from there; pg_read_all_data has it on all."""
    for role, rights in _backup_roles(subject):
        for database, body in subject.spec.databases.items():
            template = body.from_template if body.from_template in subject.spec.databases else None
            for schema in schemas(subject, database):
                brought = template is not None and schema in schemas(subject, template)
                known = brought and _closed(subject, template or "", schema, rights)
                if _closed(subject, database, schema, rights) and not known:
                    line = f"{{grant: [USAGE], on: {{schema: {quoted_name(schema)}}}, to: [{quoted_name(role)}]}}"
                    message = (
                        f"{quoted_name(role)} has no USAGE on it{_copies(subject, database)}; add {line}"
                    )
                    keys = ("databases", database, "schemas", schema)
                    yield Hit(f"schema[{quoted_name(database)}: {quoted_name(schema)}]", keys, message)


@rule("PGD704", Severity.WARNING, "the backup role cannot log in or connect", _DUMP)
def shut_out(subject: Subject) -> Iterator[Hit]:
    """A role that makes backups needs LOGIN, and CONNECT on every database that it is to dump. PUBLIC has
    CONNECT on a new database until it is taken away; where the spec takes it away, the backup role needs
    a grant of its own, and that grant is easily forgotten for the next database. pg_dumpall stops at the
    first database it cannot open; scripts that go from database to database tend to go on and say
    nothing. pg_read_all_data reads tables and does not connect, so it does not help here."""
    for role, body in subject.roles.items():
        if body.purpose != "backup":
            continue
        if not body.login:
            message = "it is for backups and has no `login: true`"
            yield Hit(f"role[{quoted_name(role)}]", ("roles", role), message)
        if not body.superuser:
            yield from _not_connected(subject, role)


def _not_connected(subject: Subject, role: str) -> Iterator[Hit]:
    rights = groups(subject, role, inherited=True)
    for database, body in subject.spec.databases.items():
        lines = [Line(database, line, ()) for line in body.grants]
        held = _holders(lines, "database", "CONNECT", subject.spec.postgres).get(None, {})
        open_to_all = held.get("PUBLIC", True)
        may = open_to_all or body.owner in rights or any(held.get(right) for right in rights)
        if not may and body.allow_connections is not False:
            message = f"{quoted_name(role)} makes backups and has no CONNECT here, which PUBLIC lost"
            add = f"add {{grant: [CONNECT], on: database, to: [{quoted_name(role)}]}}"
            yield Hit(f"database[{quoted_name(database)}]", ("databases", database), f"{message}; {add}")


RULES = (unread_tables, unread_sequences, closed_schema, shut_out)
