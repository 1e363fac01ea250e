"""What a spec says, one statement at a time, so that two specs can be set against each other.

A statement is the smallest thing that can differ: one setting, one attribute of a role, one privilege of one role on
one object. How it is written does not count: 65536kB is 64MB, roles on one line or on several, a template or its copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel

from pgdeploy.layers.server.acl import meant
from pgdeploy.layers.server.settingvalue import shown
from pgdeploy.model.hba import HbaRuleSpec
from pgdeploy.model.inheritance import TEMPLATES, inherited
from pgdeploy.model.role import MembershipSpec
from pgdeploy.postgres.moment import NEVER_ENDS, timestamp
from pgdeploy.postgres.parameter import parameters
from pgdeploy.secret.place import shown_option
from pgdeploy.secret.reference import SecretRef
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.database import DatabaseSpec
    from pgdeploy.model.default_privilege import DefaultPrivilegeSpec
    from pgdeploy.model.grant import GrantSpec
    from pgdeploy.model.role import RoleSpec
    from pgdeploy.model.setting import SettingValue
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


class Statement(NamedTuple):
    """What is spoken of: the kind of thing, which one, and what of it."""

    kind: str
    thing: str
    field: str = ""

    @property
    def text(self) -> str:
        return f"{self.kind}[{self.thing}]" + (f".{self.field}" if self.field else "")


class Said(NamedTuple):
    """What is said of it, and where; of a privilege, whose it is."""

    value: str
    keys: Keys
    who: str = ""


Statements = Mapping[Statement, Said]

_ROLE = {
    "login": "false",
    "inherit": "true",
    "superuser": "false",
    "createrole": "false",
    "createdb": "false",
    "replication": "false",
    "bypassrls": "false",
    "connection_limit": "-1",
}
"""Attributes of a role, and what they are without a word."""

_DATABASE = {"allow_connections": "true", "connection_limit": "-1", "owner": "", "tablespace": "pg_default"}
_FIXED = ("encoding", "locale_provider", "locale", "lc_collate", "lc_ctype")
_NAMED = {
    "publications": "publication",
    "event_triggers": "event_trigger",
    "foreign_servers": "foreign_server",
}
_APART = {"postgres", "settings", "hba", "ident", "roles", "tablespaces", "grants", "databases"}
_NOT_OF_THE_SERVER = {"description", "source", "connect", "waivers", "machine", "undeclared"}
"""About the spec and the way to the server, which differ between any two."""


def statements(spec: Spec) -> Statements:
    """All that a spec says of its target, in its order."""
    return dict(_all(spec))


def _all(spec: Spec) -> Iterator[tuple[Statement, Said]]:
    yield Statement("server", "version", "major"), Said(str(spec.postgres), ("postgres",))
    for name, value in _settings(spec.settings, spec.postgres):
        yield Statement("setting", name, "value"), Said(value, ("settings", name))
    yield from _hba(spec)
    for at, line in enumerate(spec.ident or ()):
        yield Statement("ident", line.mapping.text, "mapped"), Said("mapped", ("ident", at))
    for name, role in spec.roles.items():
        yield from _role(name, role, spec.postgres)
    for name, body in spec.tablespaces.items():
        yield from _leaves("tablespace", quoted_name(name), body, ("tablespaces", name))
    yield from _grants("server", enumerate(spec.grants), ("grants",), spec.postgres)
    for name, database in spec.databases.items():
        yield from _database(name, database, spec)
    for field in type(spec).model_fields:
        body = getattr(spec, field)
        if field not in _APART | _NOT_OF_THE_SERVER and isinstance(body, BaseModel):
            yield from _leaves(field, field, body, (field,))


# -- settings and files --------------------------------------------------------------------------------


def _settings(settings: Mapping[str, SettingValue], major: int) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        yield name, _value(name, value, major)


def _value(name: str, value: SettingValue, major: int) -> str:
    if isinstance(value, SecretRef):
        return "a secret"
    return shown(name, value, parameters(major).get(name.lower()))


def _hba(spec: Spec) -> Iterator[tuple[Statement, Said]]:
    seen: Counter[str] = Counter()
    for at, entry in enumerate(spec.hba or ()):
        text, method = entry.match.text, "included"
        if isinstance(entry, HbaRuleSpec):
            options = [f"{key}={_option(key, value)}" for key, value in sorted(entry.options.items())]
            method = " ".join([entry.method, *options])
        seen[text] += 1
        number = seen[text]
        yield (
            Statement("hba", text + (f" #{number}" if number > 1 else ""), "method"),
            Said(method, ("hba", at)),
        )


def _option(key: str, value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(_option(key, word) for word in value)
    return "a secret" if isinstance(value, SecretRef) else shown_option(key, str(value))


# -- roles ---------------------------------------------------------------------------------------------


def _role(name: str, role: RoleSpec, major: int) -> Iterator[tuple[Statement, Said]]:
    thing, keys = quoted_name(name), ("roles", name)
    yield Statement("role", thing, "exists"), Said(role.state, keys)
    if role.state != "present":
        return
    for field, usual in _ROLE.items():
        value = getattr(role, field)
        yield Statement("role", thing, field), Said(usual if value is None else _word(value), (*keys, field))
    end = NEVER_ENDS if role.valid_until is None else timestamp(role.valid_until)
    yield Statement("role", thing, "valid_until"), Said(str(end), (*keys, "valid_until"))
    if role.password is not None:
        yield Statement("role", thing, "password"), Said("a secret", (*keys, "password"))
    for setting, value in _settings(role.settings, major):
        yield Statement("role", thing, f"settings[{setting}]"), Said(value, (*keys, "settings", setting))
    for database, settings in role.settings_in.items():
        for setting, value in _settings(settings, major):
            field = f"settings[{setting}].in[{quoted_name(database)}]"
            yield Statement("role", thing, field), Said(value, (*keys, "settings_in", database, setting))
    for at, member in enumerate(role.member_of):
        line = member if isinstance(member, MembershipSpec) else MembershipSpec(role=member)
        inherit = line.inherit if line.inherit is not None else role.inherit is not False
        options = {"admin": line.admin, "inherit": inherit, "set": line.set is not False}
        value = ", ".join(f"{option} {_word(given)}" for option, given in options.items())
        which = f"{thing} in {quoted_name(line.role)}"
        yield Statement("membership", which, "granted"), Said(value, (*keys, "member_of", at))


# -- databases -----------------------------------------------------------------------------------------


def _database(name: str, body: DatabaseSpec, spec: Spec) -> Iterator[tuple[Statement, Said]]:
    thing, keys = quoted_name(name), ("databases", name)
    yield Statement("database", thing, "exists"), Said("present", keys)
    usual = {**_DATABASE, "is_template": _word(name in TEMPLATES)}
    for field, word in usual.items():
        value = getattr(body, field)
        yield (
            Statement("database", thing, field),
            Said(word if value is None else _word(value), (*keys, field)),
        )
    for field in _FIXED:
        if (value := getattr(body, field)) is not None:
            yield Statement("database", thing, field), Said(str(value), (*keys, field))
    for setting, text in _settings(body.settings, spec.postgres):
        yield Statement("database", thing, f"settings[{setting}]"), Said(text, (*keys, "settings", setting))
    # what is nearest counts, so it comes last
    for source, part in reversed(list(inherited(spec, name))):
        yield from _inside(name, source, part, spec.postgres)


def _inside(name: str, source: str, body: DatabaseSpec, major: int) -> Iterator[tuple[Statement, Said]]:
    thing, keys = quoted_name(name), ("databases", source)
    for schema, schema_body in body.schemas.items():
        which = f"{thing}: {quoted_name(schema)}"
        yield from _leaves("schema", which, schema_body, (*keys, "schemas", schema))
    for extension, extension_body in body.extensions.items():
        which = f"{thing}: {quoted_name(extension)}"
        yield from _leaves("extension", which, extension_body, (*keys, "extensions", extension))
    for at, owned in enumerate(body.ownership):
        which = f"{thing}: {owned.on.text}"
        yield Statement("ownership", which, "owner"), Said(quoted_name(owned.owner), (*keys, "ownership", at))
    lines = ((at, line) for at, line in enumerate(body.grants) if source == name or not line.on.database)
    yield from _grants(thing, lines, (*keys, "grants"), major)
    for at, default in enumerate(body.default_privileges):
        yield from _defaults(thing, default, (*keys, "default_privileges", at), major)
    for at, table in enumerate(body.row_security):
        policies = "" if table.policies is None else f", policies {', '.join(sorted(table.policies))}"
        value = f"enabled {_word(table.enabled)}, forced {_word(bool(table.forced))}{policies}"
        yield Statement("row_security", f"{thing}: {table.on.text}"), Said(value, (*keys, "row_security", at))
    for section, kind in _NAMED.items():
        for one, named in getattr(body, section).items():
            yield from _leaves(kind, f"{thing}: {quoted_name(one)}", named, (*keys, section, one))


def _grants(
    where: str, lines: Iterable[tuple[int, GrantSpec]], keys: Keys, major: int
) -> Iterator[tuple[Statement, Said]]:
    for at, line in lines:
        for word in sorted(meant(line.words, line.on.kind, major)):
            for role in line.roles:
                thing = f"{where}: {word} on {line.on.text} for {quoted_name(role)}"
                yield Statement("grant", thing), Said(_given(line), (*keys, at), role)


def _defaults(
    where: str, line: DefaultPrivilegeSpec, keys: Keys, major: int
) -> Iterator[tuple[Statement, Said]]:
    place = f" in schema {quoted_name(line.in_schema)}" if line.in_schema else ""
    for word in sorted(meant(line.words, line.kind, major)):
        for creator in line.for_:
            for role in line.roles:
                thing = f"{where}: {quoted_name(creator)}{place}: {word} on {line.on} for {quoted_name(role)}"
                yield Statement("default_privilege", thing), Said(_given(line), keys, role)


def _given(line: GrantSpec | DefaultPrivilegeSpec) -> str:
    if line.to is None:
        return "revoked"
    return "granted with grant option" if line.grant_option else "granted"


# -- what is compared as it is written -----------------------------------------------------------------


def _leaves(kind: str, thing: str, body: BaseModel, keys: Keys) -> Iterator[tuple[Statement, Said]]:
    """One statement that it is there, and one for each field that is written."""
    yield Statement(kind, thing, "exists"), Said(str(getattr(body, "state", "present")), keys)
    for path, value in _written(body):
        yield Statement(kind, thing, ".".join(map(str, path))), Said(value, (*keys, *path))


def _written(body: object) -> Iterator[tuple[Keys, str]]:
    if isinstance(body, SecretRef):
        yield (), "a secret"
    elif isinstance(body, (BaseModel, Mapping, tuple)):
        for key, item in _parts(body):
            yield from (((key, *path), value) for path, value in _written(item))
    else:
        yield (), _word(body)


def _parts(body: BaseModel | Mapping[str, object] | tuple[object, ...]) -> Iterator[tuple[str | int, object]]:
    if isinstance(body, BaseModel):
        for field, info in type(body).model_fields.items():
            if field in body.model_fields_set and field not in ("state", "undeclared"):
                yield info.alias or field, getattr(body, field)
    elif isinstance(body, Mapping):
        yield from body.items()
    else:
        yield from enumerate(body)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
