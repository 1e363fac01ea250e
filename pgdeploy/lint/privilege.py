"""PGD60x: privileges that everybody has."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.layers.server.default_privilege import Line as DefaultLine
from pgdeploy.layers.server.grant_line import Line, lines_of
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.model.inheritance import inherited
from pgdeploy.text.naming import examples, quoted_name

_PRIVILEGES = documentation("Privileges", "ddl-priv")
_SCHEMAS = documentation("Schemas, Usage Patterns", "ddl-schemas")
_CIS = 'CIS PostgreSQL Benchmark, "Ensure excessive DML privileges are revoked"'


def own_lines(subject: Subject) -> Iterator[Line]:
    """Every line about privileges, once, where it is written."""
    for index, server_line in enumerate(subject.spec.grants):
        yield Line(None, server_line, ("grants", index))
    for database, body in subject.spec.databases.items():
        for index, line in enumerate(body.grants):
            yield Line(database, line, ("databases", database, "grants", index))


@rule("PGD601", Severity.WARNING, "a privilege is granted to PUBLIC", f"{_PRIVILEGES}; {_CIS}")
def to_public(subject: Subject) -> Iterator[Hit]:
    """PUBLIC is every role, also those that will be made tomorrow, and a REVOKE from one of them does not
    take away what PUBLIC has. So nobody can be excepted, and nobody decides for a new role what it may
    do. Make a group role (`login: false`), grant to that, and make members of those who need it. For what
    the server gives PUBLIC anyway (CONNECT, EXECUTE on functions, USAGE on types) a line is superfluous;
    for a database that really is everybody's, a waiver says so."""
    for line in own_lines(subject):
        if "PUBLIC" in (line.spec.to or ()):
            message = f"every role gets {', '.join(line.spec.words)}, new ones too; grant it to a group role"
            yield Hit(line.address, line.keys, message)


@rule(
    "PGD602",
    Severity.WARNING,
    "default privileges give to PUBLIC",
    f"{documentation('ALTER DEFAULT PRIVILEGES', 'sql-alterdefaultprivileges')}; {_CIS}",
)
def default_to_public(subject: Subject) -> Iterator[Hit]:
    """What these roles make will be open to every role from its first moment, also what nobody thinks of
    as shared: a copy of a table for an afternoon, a restored backup. It is found late, as nothing fails.
    And taking the default away does not close what was made under it. Give to a group role."""
    for database, body in subject.spec.databases.items():
        for index, line in enumerate(body.default_privileges):
            if "PUBLIC" in (line.to or ()):
                keys = ("databases", database, "default_privileges", index)
                message = (
                    f"all future {line.on} of {examples(map(quoted_name, line.for_))} are open to every role"
                )
                yield Hit(DefaultLine(database, line, keys).address, keys, f"{message}; give to a group role")


def _on_database(line: Line, privilege: str, major: int) -> bool:
    return line.kind == "database" and privilege in line.privileges(major)


@rule(
    "PGD603",
    Severity.WARNING,
    "CONNECT is granted, and everybody has it already",
    f"{_PRIVILEGES}; Database Deployment 1.0, section 3.3",
)
def idle_connect(subject: Subject) -> Iterator[Hit]:
    """Every new database lets PUBLIC connect. To grant CONNECT to some roles looks as if the others were
    kept out, and they are not: any role that can log in can open the database, look at its catalogue and
    make temporary tables. Add a line that takes it away, `{revoke: [CONNECT], on: database, from:
    [PUBLIC]}`; then the grants mean what they say, and whoever was not named notices. The database's own
    ACL is not copied from its template, so each database needs its own line."""
    for database, body in subject.spec.databases.items():
        major = subject.spec.postgres
        lines = [
            Line(database, line, ("databases", database, "grants", i)) for i, line in enumerate(body.grants)
        ]
        lines = [line for line in lines if _on_database(line, "CONNECT", major)]
        if any("PUBLIC" in line.spec.roles for line in lines):
            continue
        granted = [line for line in lines if line.spec.to]
        if granted:
            roles = examples({quoted_name(role) for line in granted for role in line.spec.roles})
            message = (
                f"CONNECT for {roles} keeps nobody out, as PUBLIC has it; "
                "add {revoke: [CONNECT], on: database, from: [PUBLIC]}"
            )
            yield Hit(granted[0].address, granted[0].keys, message)


@rule(
    "PGD604",
    Severity.WARNING,
    "before 15 everybody may create in schema public",
    f"{_SCHEMAS}; CVE-2018-1058",
)
def open_public_schema(subject: Subject) -> Iterator[Hit]:
    """Up to PostgreSQL 14 PUBLIC has CREATE on the schema public of every database. Any role that can
    connect may put a function or a table there, and others call it without knowing: public is in
    everybody's search_path, and an unqualified name finds what fits best. A superuser or a dump that does
    so runs somebody else's code. Take it away, `{revoke: [CREATE], on: {schema: public}, from:
    [PUBLIC]}`, in the template as well as in databases that are not made from it. From 15 new databases
    are safe, though upgraded ones keep the old ACL."""
    if subject.spec.postgres >= 15:
        return
    for database, body in subject.spec.databases.items():
        if body.from_template in subject.spec.databases:
            continue
        revoked = any(
            line.kind == "schema"
            and line.spec.on.schema_ == "public"
            and "PUBLIC" in (line.spec.from_ or ())
            and "CREATE" in line.privileges(subject.spec.postgres)
            for line in lines_of(subject.spec, database)
        )
        if not revoked:
            message = "PUBLIC may create there; add {revoke: [CREATE], on: {schema: public}, from: [PUBLIC]}"
            yield Hit(f"schema[{quoted_name(database)}: public]", ("databases", database), message)


def chain(subject: Subject, database: str) -> Iterator[tuple[str, DefaultLine]]:
    """Default privileges that hold in a database, with the database whose spec says so."""
    for source, body in inherited(subject.spec, database):
        for index, line in enumerate(body.default_privileges):
            yield source, DefaultLine(database, line, ("databases", source, "default_privileges", index))


RULES = (to_public, default_to_public, idle_connect, open_public_schema)
