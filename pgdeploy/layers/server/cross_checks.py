"""What only the whole spec shows: names that nothing declares, lines that contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from pgdeploy.layers.server import contradiction, ident, provider, setting
from pgdeploy.layers.server.circle import circles, rings
from pgdeploy.layers.server.database import alike
from pgdeploy.layers.server.grant import Line, lines_of
from pgdeploy.layers.server.membership import of
from pgdeploy.layers.server.schema import GIVEN
from pgdeploy.layers.server.tablespace import BY_INITDB
from pgdeploy.model.hba import SINCE, HbaIncludeSpec
from pgdeploy.model.inheritance import TEMPLATES, inherited
from pgdeploy.postgres.moment import timestamp
from pgdeploy.postgres.privilege import expand
from pgdeploy.postgres.values import SERVER_ENCODINGS, ValueProblem, encoding_name
from pgdeploy.secret import conninfo
from pgdeploy.spec import suggest
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.hba import HbaRuleSpec
    from pgdeploy.model.named import NamedSpec
    from pgdeploy.model.role import RoleSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.tablespace import TablespaceSpec
    from pgdeploy.spec.place import Keys

NO_ROLE = ("public", "none", "PUBLIC")
"""Words that PostgreSQL never takes as a role's name; PUBLIC is how a spec says everybody."""


PREDEFINED = {
    "pg_read_all_data": 14,
    "pg_write_all_data": 14,
    "pg_read_all_settings": 14,
    "pg_read_all_stats": 14,
    "pg_stat_scan_tables": 14,
    "pg_monitor": 14,
    "pg_database_owner": 14,
    "pg_signal_backend": 14,
    "pg_read_server_files": 14,
    "pg_write_server_files": 14,
    "pg_execute_server_program": 14,
    "pg_checkpoint": 15,
    "pg_use_reserved_connections": 16,
    "pg_create_subscription": 16,
    "pg_maintain": 17,
    "pg_signal_autovacuum_worker": 18,
}
"""Roles that PostgreSQL brings, and the version from which; see its documentation, Predefined Roles."""


MOST_GENERATIONS = 20
"""So many databases may be copies of each other, one behind the other."""
MOST_OF_A_WAY = 20
"""So many names of a circle are shown."""


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem that pydantic cannot see, each at its place."""
    yield from _settings(spec)
    yield from _roles(spec)
    yield from _memberships(spec)
    generations = list(_generations(spec))
    yield from generations
    if not generations:
        yield from _databases(spec)
        yield from _tablespaces(spec)
        yield from _grants(spec)
        yield from _default_privileges(spec)
    yield from _hba(spec)
    yield from _ident(spec)
    yield from _connect(spec)


# -- names ---------------------------------------------------------------------------------------------


def _unknown(kind: str, text: str, known: Collection[str], keys: Keys, of: str = "") -> Iterator[Problem]:
    """A problem when a name is not among those that are known; `of` says where they are, for the hint."""
    if text not in known:
        hint = partial(_meant, kind, text, known, of)
        yield Problem(keys, f"{kind} {quoted_name(text)} is not declared", hint=hint)


def _meant(kind: str, text: str, known: Collection[str], of: str) -> str:
    near = get_close_matches(text, suggest.alike(text, known), 1)
    return f"; did you mean {quoted_name(near[0])}?{of}" if near else f"; declare it under {kind}s{of or ':'}"


def role_problems(spec: Spec, role: str, keys: Keys, *, public: bool = False) -> Iterator[Problem]:
    """References go to declared roles, and to the ones that PostgreSQL brings (pg_...)."""
    if public and role == "PUBLIC":
        return
    if role.startswith("pg_"):
        yield from _predefined(spec, role, keys)
        return
    if role in ("PUBLIC", "public"):
        allowed = "PUBLIC in capitals is everybody" if public else "a role; PUBLIC is none"
        yield Problem(keys, f"read {role}; allowed: {allowed}")
        return
    body = spec.roles.get(role)
    if body is not None and body.state == "absent":
        yield Problem(keys, f"role {quoted_name(role)} is declared absent; nothing may refer to it")
    yield from _unknown("role", role, spec.roles, keys)


def _predefined(spec: Spec, role: str, keys: Keys) -> Iterator[Problem]:
    known = [known for known, since in PREDEFINED.items() if since <= spec.postgres]
    if role not in known:
        message = f"{role} is not a predefined role of PostgreSQL {spec.postgres}"
        yield Problem(keys, message, hint=partial(_meant_predefined, role, known))


def _meant_predefined(role: str, known: Sequence[str]) -> str:
    near = get_close_matches(role, suggest.alike(role, known), 1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(known)}"


def _schemas_of(spec: Spec, database: str) -> frozenset[str]:
    return frozenset(schema for _, body in inherited(spec, database) for schema in body.schemas)


def _schema(known: Collection[str], database: str, schema: str | None, keys: Keys) -> Iterator[Problem]:
    if schema is not None and schema not in GIVEN:
        yield from _unknown("schema", schema, known, keys, f" of database {quoted_name(database)}")


# -- kinds ---------------------------------------------------------------------------------------------


def _settings(spec: Spec) -> Iterator[Problem]:
    prefixes = setting.prefixes(spec)
    yield from setting.problems(spec.settings, spec.postgres, prefixes, ("settings",))
    for role, body in spec.roles.items():
        keys: Keys = ("roles", role)
        yield from setting.problems(
            body.settings, spec.postgres, prefixes, (*keys, "settings"), sessions=True
        )
        for database, values in body.settings_in.items():
            where = (*keys, "settings_in", database)
            yield from _unknown("database", database, spec.databases, where)
            yield from setting.problems(values, spec.postgres, prefixes, where, sessions=True)
    for database, db in spec.databases.items():
        keys = ("databases", database, "settings")
        yield from setting.problems(db.settings, spec.postgres, prefixes, keys, sessions=True)


def _roles(spec: Spec) -> Iterator[Problem]:
    for role, body in spec.roles.items():
        keys: Keys = ("roles", role)
        if role in NO_ROLE or role.startswith("pg_"):
            yield Problem(keys, f"{role} is a reserved name in PostgreSQL; it cannot be declared")
        if body.valid_until is not None:
            try:
                timestamp(body.valid_until)
            except ValueProblem as error:
                yield Problem((*keys, "valid_until"), f"valid_until: {error}")
        yield from _absent_role(spec, body, keys)
        yield from _external_role(body, keys)


def _external_role(body: RoleSpec, keys: Keys) -> Iterator[Problem]:
    """What pgdeploy would have to change is no part of it; memberships are compared, and others change them."""
    written = sorted(body.model_fields_set - {"state", "member_of"})
    if body.state == "external" and written:
        message = (
            f"{written[0]}: an external role is somebody else's, and pgdeploy changes nothing of it; allowed: "
            "`member_of:`, which is compared only"
        )
        yield Problem((*keys, written[0]), message)


def _absent_role(spec: Spec, body: RoleSpec, keys: Keys) -> Iterator[Problem]:
    heir = (*keys, "reassign_owned_to")
    written = sorted(body.model_fields_set - {"state", "reassign_owned_to"})
    if body.state == "absent" and written:
        yield Problem((*keys, written[0]), f"{written[0]}: an absent role takes no other option")
    if body.reassign_owned_to is not None and body.state != "external":
        if body.state != "absent":
            yield Problem(heir, "reassign_owned_to belongs to `state: absent`")
        yield from role_problems(spec, body.reassign_owned_to, heir)


def _memberships(spec: Spec) -> Iterator[Problem]:
    admins = {(role, entry.role) for role, body in spec.roles.items() for entry in of(body) if entry.admin}
    around = _granted_around(spec)
    ways = circles(spec.roles, lambda role: _groups(spec, role))
    for role, body in spec.roles.items():
        seen = set()
        for index, entry in enumerate(of(body)):
            keys: Keys = ("roles", role, "member_of", index)
            if not _is_kept_elsewhere(spec, entry.role):
                yield from role_problems(spec, entry.role, keys)
            if entry.role in seen:
                yield Problem(keys, f"{quoted_name(role)} is a member of {quoted_name(entry.role)} twice")
            seen.add(entry.role)
            if entry.grantor is not None:
                yield from _grantor(spec, admins, entry.role, entry.grantor, (*keys, "grantor"))
                if path := around.get((entry.role, role)):
                    message = f"the grantors of {quoted_name(entry.role)} form a circle: {_way(path)}"
                    yield Problem((*keys, "grantor"), message)
        if path := ways.get(role):
            yield Problem(("roles", role, "member_of"), f"memberships form a circle: {_way(path)}")


def _is_kept_elsewhere(spec: Spec, role: str) -> bool:
    """A group that others keep: a provider, or where undeclared roles are none of ours anybody."""
    named = role not in spec.roles and not role.startswith("pg_") and role not in NO_ROLE
    return named and (spec.undeclared.roles == "ignore" or role in provider.NAMES)


def _groups(spec: Spec, role: str) -> Iterator[str]:
    """The declared roles that it is a direct member of."""
    return (entry.role for entry in of(spec.roles[role]) if entry.role in spec.roles)


def _way(path: Sequence[str]) -> str:
    """A way by names, the middle of a long one left out."""
    shown = path if len(path) <= MOST_OF_A_WAY else (*path[: MOST_OF_A_WAY - 1], "...", path[-1])
    return " -> ".join(shown)


def _grantor(
    spec: Spec, admins: Collection[tuple[str, str]], role: str, grantor: str, keys: Keys
) -> Iterator[Problem]:
    yield from role_problems(spec, grantor, keys)
    body = spec.roles.get(grantor)
    if body is None or not (body.superuser or (grantor, role) in admins):
        yield Problem(
            keys,
            f"{quoted_name(grantor)} cannot grant {quoted_name(role)}: it needs `admin: true` in it, or superuser",
        )


def _granted_around(spec: Spec) -> dict[tuple[str, str], list[str]]:
    """Circles of grantors, by the role that is granted and the first member on the circle."""
    grantors: dict[str, dict[str, str]] = {}
    for member, body in spec.roles.items():
        for entry in of(body):
            if entry.grantor is not None:
                grantors.setdefault(entry.role, {}).setdefault(member, entry.grantor)
    return {(role, first): way for role, after in grantors.items() for first, way in rings(after).items()}


def _databases(spec: Spec) -> Iterator[Problem]:
    copies = {
        name: body.from_template for name, body in spec.databases.items() if body.from_template is not None
    }
    around = rings(copies)
    for database, body in spec.databases.items():
        keys: Keys = ("databases", database)
        if database == "template0":
            yield Problem(
                keys, "template0 accepts no connections and must not be changed; leave it out", about_key=True
            )
        if database in TEMPLATES and body.from_template is not None:
            yield Problem((*keys, "from_template"), f"{database} is made by initdb, not from a template")
        if body.owner is not None:
            yield from role_problems(spec, body.owner, (*keys, "owner"))
        yield from _from_template(spec, database, around, (*keys, "from_template"))
        yield from _unreachable(spec, database, keys)
        yield from _locale(spec, database, keys)
        yield from _schemas(spec, database, keys)
        yield from _ownership(spec, database, keys)
        yield from _row_security(spec, database, keys)
        yield from _named(spec, database, keys)
        yield from _on_absent(spec, database, keys)


def _tablespaces(spec: Spec) -> Iterator[Problem]:
    for tablespace, body in spec.tablespaces.items():
        keys: Keys = ("tablespaces", tablespace)
        yield from _absent_or_owned(spec, body, keys)
        if tablespace in BY_INITDB and body.model_fields_set - {"owner"}:
            yield Problem(keys, f"{tablespace} is made by initdb; only its owner can be said")
    for index, line in enumerate(spec.grants):
        named = spec.tablespaces.get(line.on.tablespace or "")
        if named is not None and named.state == "absent":
            message = f"tablespace {quoted_name(line.on.tablespace or '')} is declared absent; nothing may refer to it"
            yield Problem(("grants", index, "on"), message)


def _schemas(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    body = spec.databases[database]
    for schema, schema_body in body.schemas.items():
        where = (*keys, "schemas", schema)
        if schema.startswith("pg_") and schema not in GIVEN:
            yield Problem(where, f"{schema} is a reserved name in PostgreSQL", about_key=True)
        if schema_body.owner is not None:
            yield from role_problems(spec, schema_body.owner, (*where, "owner"))
    known = _schemas_of(spec, database)
    for extension, extension_body in body.extensions.items():
        yield from _schema(
            known, database, extension_body.schema_, (*keys, "extensions", extension, "schema")
        )


_NO_OWNER = {
    "database": "`owner:` of the database",
    "schema": "`owner:` of the schema",
    "column": "the table",
    "language": "nothing: languages belong to their extension",
}


def _ownership(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    known = _schemas_of(spec, database)
    for index, line in enumerate(spec.databases[database].ownership):
        where = (*keys, "ownership", index)
        yield from role_problems(spec, line.owner, (*where, "owner"))
        yield from _schema(known, database, line.on.schema_, (*where, "on"))
        if instead := _NO_OWNER.get(line.on.kind):
            yield Problem((*where, "on"), f"ownership of a {line.on.kind} is not written here; use {instead}")


def _row_security(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    known, seen = _schemas_of(spec, database), set()
    for index, line in enumerate(spec.databases[database].row_security):
        where = (*keys, "row_security", index)
        yield from _schema(known, database, line.on.schema_, (*where, "on"))
        if line.on.kind != "table":
            message = f"row level security is of tables; read {line.on.text}; allowed: {{schema: NAME, table: NAME}}"
            yield Problem((*where, "on"), message)
        if line.on.text in seen:
            yield Problem(where, f"another line speaks of {line.on.text}; write one")
        seen.add(line.on.text)


def _named(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    for section in _NAMED:
        for thing, body in getattr(spec.databases[database], section).items():
            where = (*keys, section, thing)
            yield from _absent_or_owned(spec, body, where)
            if section == "event_triggers":
                yield from _owned_by_superuser(spec, body.owner, (*where, "owner"))


def _on_absent(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    """Lines about a foreign server that must not be there."""
    body = spec.databases[database]
    for section in ("ownership", "grants"):
        for index, line in enumerate(getattr(body, section)):
            server = line.on.foreign_server
            declared = body.foreign_servers.get(server) if server is not None else None
            if declared is not None and declared.state == "absent":
                message = (
                    f"foreign server {quoted_name(server or '')} is declared absent; nothing may refer to it"
                )
                yield Problem((*keys, section, index, "on"), message)


def _absent_or_owned(spec: Spec, body: NamedSpec | TablespaceSpec, keys: Keys) -> Iterator[Problem]:
    written = sorted(body.model_fields_set - {"state"})
    if body.state == "absent" and written:
        yield Problem((*keys, written[0]), f"{written[0]}: an absent object takes no other option")
    if (owner := getattr(body, "owner", None)) is not None:
        yield from role_problems(spec, owner, (*keys, "owner"))


def _owned_by_superuser(spec: Spec, owner: str | None, keys: Keys) -> Iterator[Problem]:
    role = spec.roles.get(owner or "")
    if owner is not None and not (role and role.superuser):
        message = (
            f"PostgreSQL gives event triggers to superusers only; {quoted_name(owner)} is none by this spec"
        )
        yield Problem(keys, message)


def _from_template(
    spec: Spec, database: str, around: Mapping[str, Sequence[str]], keys: Keys
) -> Iterator[Problem]:
    template = spec.databases[database].from_template
    if template is None:
        return
    if template not in TEMPLATES:
        yield from _unknown("database", template, spec.databases, keys)
    if way := around.get(database):
        yield Problem(keys, f"templates form a circle: {_way(way)}")


def _generations(spec: Spec) -> Iterator[Problem]:
    """Each copy has all that its templates have: what is asked of a chain grows with the square of its length."""
    behind: dict[str, int] = {}
    for database in spec.databases:
        way: dict[str, None] = {}
        name: str | None = database
        while name is not None and name in spec.databases and name not in behind and name not in way:
            way[name] = None
            name = spec.databases[name].from_template
        number = behind.get(name or "", 0)
        for copy in reversed(way):
            number = behind[copy] = number + 1
            if number == MOST_GENERATIONS + 1:
                keys: Keys = ("databases", copy, "from_template")
                yield Problem(keys, f"the {number}th of a chain of copies; allowed: {MOST_GENERATIONS}")


_NAMED = ("publications", "event_triggers", "foreign_servers")
"""Sections of a database whose entries are there or not, and have an owner."""

_IN_DATABASE = ("schemas", "extensions", "ownership", "grants", "default_privileges", "row_security", *_NAMED)


def _unreachable(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    """What stands in a database that nobody may connect to can be neither read nor made."""
    if spec.databases[database].allow_connections is not False:
        return
    for source, body in inherited(spec, database):
        for field in _IN_DATABASE:
            if getattr(body, field):
                what = (
                    f"its {field}"
                    if source == database
                    else f"the {field} of its template {quoted_name(source)}"
                )
                message = (
                    f"nobody can look into a database without connections, so {what} could not be checked"
                )
                yield Problem((*keys, "allow_connections"), f"allow_connections: {message}")
                return


def _locale(spec: Spec, database: str, keys: Keys) -> Iterator[Problem]:
    body = spec.databases[database]
    if body.locale is not None and body.locale_provider not in ("icu", "builtin"):
        yield Problem(
            (*keys, "locale"),
            "locale belongs to `locale_provider: icu` or `builtin`; for libc use lc_collate",
        )
    if body.encoding is not None and encoding_name(body.encoding) not in SERVER_ENCODINGS:
        allowed = f"allowed: UTF8, or one of {', '.join(SERVER_ENCODINGS)}"
        yield Problem((*keys, "encoding"), f"read {body.encoding}, which no database can have; {allowed}")
    known = ("C", "C.UTF-8", "C.UTF8", *(("PG_UNICODE_FAST",) if spec.postgres >= 18 else ()))
    if body.locale_provider == "builtin" and body.locale not in (None, *known):
        message = f"read {body.locale}, which is no builtin locale; allowed: {', '.join(known)}"
        yield Problem((*keys, "locale"), message)
    since = {"icu": 15, "builtin": 17}.get(body.locale_provider or "", 14)
    if spec.postgres < since:
        yield Problem(
            (*keys, "locale_provider"),
            f"{body.locale_provider} needs PostgreSQL {since}; this spec says {spec.postgres}",
        )
    if body.from_template in spec.databases:
        for field in ("encoding", "locale_provider", "locale", "lc_collate", "lc_ctype"):
            written = getattr(body, field)
            copied_from = getattr(spec.databases[body.from_template or ""], field)
            if written is not None and not alike(field, written, copied_from, body.locale_provider):
                copied = f"a copy of {quoted_name(body.from_template or '')} has its {field}"
                yield Problem((*keys, field), f"{field}: {copied}; write it there, or use template0")


# -- privileges ----------------------------------------------------------------------------------------


def _words(words: Sequence[str], kind: str, major: int, keys: Keys) -> Iterator[Problem]:
    try:
        expand(words, kind, major)
    except ValueProblem as error:
        yield Problem(keys, str(error))


def _grants(spec: Spec) -> Iterator[Problem]:
    server = [Line(None, line, ("grants", index)) for index, line in enumerate(spec.grants)]
    yield from _grant_lines(spec, server)
    for database in spec.databases:
        lines = list(lines_of(spec, database))
        own = [line for line in lines if line.keys[1] == database]
        yield from _grant_lines(spec, own)
        known = _schemas_of(spec, database)
        for line in own:
            yield from _schema(known, database, line.spec.on.schema_, (*line.keys, "on"))
        yield from contradiction.of_grants(lines, spec.postgres)


def _grant_lines(spec: Spec, lines: Iterable[Line]) -> Iterator[Problem]:
    seen: dict[str, Line] = {}
    for line in lines:
        verb = "grant" if line.spec.to is not None else "revoke"
        yield from _words(line.spec.words, line.kind, spec.postgres, (*line.keys, verb))
        for index, role in enumerate(line.spec.roles):
            side = "to" if line.spec.to is not None else "from"
            yield from role_problems(spec, role, (*line.keys, side, index), public=True)
            if role == "PUBLIC" and line.spec.grant_option:
                yield Problem((*line.keys, "grant_option"), "PostgreSQL gives PUBLIC no grant option")
        if line.address in seen:
            yield Problem(line.keys, "duplicate line; remove one")
        seen[line.address] = line


def _default_privileges(spec: Spec) -> Iterator[Problem]:
    for database, body in spec.databases.items():
        known = _schemas_of(spec, database)
        for index, line in enumerate(body.default_privileges):
            keys: Keys = ("databases", database, "default_privileges", index)
            verb, side = ("grant", "to") if line.to is not None else ("revoke", "from")
            yield from _words(line.words, line.kind, spec.postgres, (*keys, verb))
            for creator in line.for_:
                yield from role_problems(spec, creator, (*keys, "for"))
            for position, role in enumerate(line.roles):
                yield from role_problems(spec, role, (*keys, side, position), public=True)
            yield from _schema(known, database, line.in_schema, (*keys, "in_schema"))
            if line.on == "large_objects" and spec.postgres < 18:
                yield Problem(
                    (*keys, "on"), f"large_objects need PostgreSQL 18; this spec says {spec.postgres}"
                )
        yield from _default_contradictions(spec, database)


def _default_contradictions(spec: Spec, database: str) -> Iterator[Problem]:
    lines = [
        (("databases", source, "default_privileges", index), line)
        for source, body in inherited(spec, database)
        for index, line in enumerate(body.default_privileges)
    ]
    seen = set()
    for keys, line in lines:
        if line in seen and keys[1] == database:
            yield Problem(keys, "duplicate line; remove one")
        seen.add(line)
    yield from contradiction.of_defaults(lines)


def _hba(spec: Spec) -> Iterator[Problem]:
    for index, entry in enumerate(spec.hba or ()):
        if not isinstance(entry, HbaIncludeSpec):
            yield from _method(spec, entry, ("hba", index, "method"))
        elif spec.postgres < SINCE:
            word = entry.match.type
            text = f"{word} needs PostgreSQL {SINCE}; this spec says {spec.postgres}"
            yield Problem(("hba", index, word), text)


def _method(spec: Spec, rule: HbaRuleSpec, keys: Keys) -> Iterator[Problem]:
    """What PostgreSQL would refuse to load: with it in the file the next start fails."""
    if rule.method == "oauth" and spec.postgres < 18:
        yield Problem(keys, f"oauth needs PostgreSQL 18; this spec says {spec.postgres}")
    # ident on a local socket is peer
    needs = {"peer": ("local",), "cert": ("hostssl",), "gss": _TCP, "sspi": _TCP}.get(rule.method)
    if needs is not None and rule.type not in needs:
        yield Problem(
            keys, f"{rule.method} is for rules of type {' or '.join(needs)}; this one is {rule.type}"
        )


def _ident(spec: Spec) -> Iterator[Problem]:
    seen = set()
    for index, line in enumerate(spec.ident or ()):
        for key, message in ident.refused(line, spec.postgres):
            yield Problem(("ident", index, key), message)
        if line.mapping in seen:
            yield Problem(("ident", index), "duplicate line; remove one")
        seen.add(line.mapping)


_TCP = ("host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")


def _connect(spec: Spec) -> Iterator[Problem]:
    dsn = spec.connect.dsn if spec.connect else None
    if dsn is None:
        return
    try:
        options = conninfo.options(dsn)
    except conninfo.ConninfoError as error:
        yield Problem(("connect", "dsn"), f"dsn: {error}")
        return
    for keyword in conninfo.SECRETS & options.keys():
        message = f"dsn: holds a password ({keyword}); leave it out and use PGPASSWORD or PGPASSFILE"
        yield Problem(("connect", "dsn"), message)
