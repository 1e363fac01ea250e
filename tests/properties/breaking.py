"""Ways to break by hand one thing of a spec that a server conforms to, and how the ids begin that may say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgdeploy.layers.server.change import grantee, ident
from pgdeploy.layers.server.membership import of
from pgdeploy.layers.server.role import ATTRIBUTES, DANGEROUS
from pgdeploy.model.object import Object
from pgdeploy.model.role import RoleSpec
from pgdeploy.model.spec import Spec
from pgdeploy.text.naming import quoted_name


@dataclass(frozen=True, slots=True)
class Break:
    """SQL in one database. `ids` are how the ids of all checks begin that can drift because of it."""

    sql: str
    ids: tuple[str, ...]
    database: str | None = None


def breaks(spec: Spec) -> list[list[Break]]:
    """Everything of this spec that we know how to break, by kind; spread over kinds, as roles have the most."""
    kinds = (
        _roles(spec),
        _members(spec),
        _databases(spec),
        _grants(spec),
        _default_privileges(spec),
        _absent(spec),
    )
    return [known for known in map(list, kinds) if known]


def _roles(spec: Spec) -> Iterator[Break]:
    for role, body in spec.roles.items():
        sql, address = f"ALTER ROLE {ident(role)}", f"role[{quoted_name(role)}]"
        yield Break(f"{sql} SET geqo = off", (f"{address}.undeclared_settings",))
        for setting, value in body.settings.items():
            if value not in ("", ()):
                yield Break(f"{sql} RESET {ident(setting)}", (f"{address}.settings[",))
        if role != "postgres":
            yield from _attributes(role, body)


def _attributes(role: str, body: RoleSpec) -> Iterator[Break]:
    sql, address = f"ALTER ROLE {ident(role)}", f"role[{quoted_name(role)}]"
    for field, word in ATTRIBUTES.items():
        desired = getattr(body, field)
        if desired is not None or (field in DANGEROUS and not body.superuser):
            yield Break(f"{sql} {'NO' if desired else ''}{word}", (f"{address}.{field}",))
    if body.connection_limit is not None:
        yield Break(f"{sql} CONNECTION LIMIT 7", (f"{address}.connection_limit",))
    if body.valid_until is not None:
        yield Break(f"{sql} VALID UNTIL '2020-02-02'", (f"{address}.valid_until",))
    if body.password is not None:
        yield Break(f"{sql} PASSWORD 'another'", (f"{address}.password",))


def _members(spec: Spec) -> Iterator[Break]:
    for role, body in spec.roles.items():
        yield Break(
            f"GRANT pg_signal_backend TO {ident(role)}", (f"membership[{quoted_name(role)}].undeclared",)
        )
        for entry in of(body):
            if entry.grantor is None and not entry.admin:
                address = f"membership[{quoted_name(role)} in {quoted_name(entry.role)}]"
                yield Break(f"REVOKE {ident(entry.role)} FROM {ident(role)}", (address,))


def _databases(spec: Spec) -> Iterator[Break]:
    for database, body in spec.databases.items():
        sql, address = f"ALTER DATABASE {ident(database)}", f"database[{quoted_name(database)}]"
        yield Break(f"{sql} SET geqo = off", (f"{address}.undeclared_settings",))
        if body.connection_limit is not None:
            yield Break(f"{sql} CONNECTION LIMIT 7", (f"{address}.connection_limit",))
        if body.is_template is not None:
            yield Break(f"{sql} IS_TEMPLATE {not body.is_template}", (f"{address}.is_template",))
        if body.owner is not None:
            other = next((role for role in spec.roles if role != body.owner), "pg_monitor")
            # what the owner has moves to the new one, and so may what the spec grants either
            yield Break(f"{sql} OWNER TO {ident(other)}", (f"{address}.owner", f"grant[{_where(database)}"))
        for schema, schema_body in body.schemas.items():
            if schema_body.owner is not None:
                text = f"ALTER SCHEMA {ident(schema)} OWNER TO pg_signal_backend"
                ids = (
                    f"schema[{quoted_name(database)}: {quoted_name(schema)}].owner",
                    f"grant[{_where(database)}",
                )
                yield Break(text, ids, database)


def _grants(spec: Spec) -> Iterator[Break]:
    for database, body in spec.databases.items():
        place = None if body.allow_connections is False else database
        address = f"grant[{_where(database)}"
        yield Break(
            f"GRANT CREATE ON DATABASE {ident(database)} TO pg_signal_backend WITH GRANT OPTION", (address,)
        )
        for line in body.grants:
            on = _clause(database, line.on)
            for role in line.to or () if on else ():
                yield Break(f"REVOKE ALL ON {on} FROM {grantee(role)} CASCADE", (address,), place)
            for role in line.from_ or () if on else ():
                yield Break(f"GRANT ALL ON {on} TO {grantee(role)}", (address,), place)


def _clause(database: str, on: Object) -> str | None:
    if on.all:
        return None  # in a database without objects there is nothing to break
    if on.database:
        return f"DATABASE {ident(database)}"
    return f"SCHEMA {ident(on.schema_)}" if on.schema_ else f"LANGUAGE {ident(on.language or '')}"


def _default_privileges(spec: Spec) -> Iterator[Break]:
    for database, body in spec.databases.items():
        if body.allow_connections is False:
            continue
        address = f"default_privilege[{quoted_name(database)}"
        text = "ALTER DEFAULT PRIVILEGES {} {} ON {} {}"
        for creator in spec.roles:
            who = f"FOR ROLE {ident(creator)}"
            yield Break(
                text.format(who, "GRANT USAGE", "TYPES", "TO pg_signal_backend"), (address,), database
            )
        for line in body.default_privileges:
            who = f"FOR ROLE {ident(line.for_[0])}" + (
                f" IN SCHEMA {ident(line.in_schema)}" if line.in_schema else ""
            )
            plural = line.on.upper().replace("_", " ")
            for role in line.to or ():
                yield Break(
                    text.format(who, "REVOKE ALL", plural, f"FROM {grantee(role)}"), (address,), database
                )
            for role in line.from_ or ():
                yield Break(
                    text.format(who, "GRANT ALL", plural, f"TO {grantee(role)}"), (address,), database
                )


def _absent(spec: Spec) -> Iterator[Break]:
    for database, body in spec.databases.items():
        for publication in body.publications:
            ids = (f"publication[{quoted_name(database)}: {quoted_name(publication)}].absent",)
            yield Break(f"CREATE PUBLICATION {ident(publication)}", ids, database)


def _where(database: str) -> str:
    return quoted_name(database) if database != "server" else '"server"'
