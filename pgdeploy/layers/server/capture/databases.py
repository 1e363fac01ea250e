"""`databases:`: each with what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pgdeploy.core.facts import Query
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import acl, database
from pgdeploy.layers.server.acl import SYSTEM, ObjectKey
from pgdeploy.layers.server.capture import default_privileges, ownership, privileges
from pgdeploy.layers.server.capture.copies import Body, as_copy, same_locale
from pgdeploy.layers.server.capture.value import written_settings
from pgdeploy.layers.server.database import DatabaseFact
from pgdeploy.layers.server.extension import extensions
from pgdeploy.layers.server.named import present
from pgdeploy.layers.server.rolefact import DATABASE_OWNER, bootstrap, names_by_oid
from pgdeploy.layers.server.row_security import RowSecurityFact
from pgdeploy.layers.server.setting import stored
from pgdeploy.model.inheritance import TEMPLATES
from pgdeploy.spec.writing import Noted, Remark, Written

if TYPE_CHECKING:
    from pgdeploy.core.capture import Secrets
    from pgdeploy.core.facts import Facts

TABLES = Query("row_security_all", RowSecurityFact._make, in_database=True)
"""Every table with row level security or policies; what a spec asks for is read of the tables that it names."""

_FIRST = ("schemas", "extensions", "ownership", "grants")
_GIVES = ("grants", "default_privileges", "from_template")
_BY_INITDB = ("postgres", "template1")
_TAKEN_BY_INITDB = {"revoke": ["TEMPORARY"], "on": "database", "from": [privileges.PUBLIC]}
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
_ENABLED: Mapping[str, bool | str] = {"O": True, "D": False, "R": "replica", "A": "always"}


def captured(facts: Facts, secrets: Secrets) -> Mapping[str, Written]:
    """Every database but template0; those that initdb makes where somebody changed them, or has settings for a role."""
    known = facts.once(database.databases)
    named = {name for name, role in facts.once(stored) if role is not None}
    found: dict[str, Body] = {}
    for name in sorted(known):
        body = dict(_database(known[name], facts, secrets)) if name != "template0" else {}
        if body or name in named or name not in (*_BY_INITDB, "template0"):
            found[name] = body
    templates = [name for name in found if known[name].is_template and name not in TEMPLATES]
    copies = {name: as_copy(name, body, found, templates, known) for name, body in found.items()}
    return {name: _noted(name, body, facts) for name, body in copies.items()}


def _noted(name: str, body: Written, facts: Facts) -> Written:
    """With the question whether anybody uses it, where nobody but its owner was given anything."""
    given = isinstance(body, Mapping) and any(word in body for word in _GIVES)
    fact = facts.once(database.databases)[name]
    if given or fact.is_template or name in facts.refused:
        return body
    return Noted(body, "nothing is granted in it: is it used?")


def _database(fact: DatabaseFact, facts: Facts, secrets: Secrets) -> Iterator[tuple[str | Remark, Written]]:
    yield from _attributes(fact, facts)
    if rows := facts.once(stored).get((fact.name, None)):
        yield "settings", written_settings(rows.values(), facts, secrets)
    own = privileges.captured_shared(facts, [ObjectKey("database", None, fact.name)])
    if fact.name in TEMPLATES:
        own = [line for line in own if line != _TAKEN_BY_INITDB]
    try:
        inside: Body = dict(_inside(fact.name, facts))
    except Unreadable:
        inside = {Remark("what is in it could not be read"): None}
    there = inside.get("grants", [])
    inside["grants"] = [*own, *(there if isinstance(there, list) else [])]
    first = [word for word in _FIRST if inside.get(word)]
    yield from ((word, inside[word]) for word in first)
    yield from ((word, body) for word, body in inside.items() if word not in _FIRST)


def _attributes(fact: DatabaseFact, facts: Facts) -> Iterator[tuple[str, Written]]:
    """What is not as CREATE DATABASE makes it without a word."""
    owner = facts.once(names_by_oid).get(fact.owner, "")
    if owner != facts.once(bootstrap):
        yield "owner", owner
    yield from _locale(fact, facts.once(database.databases).get("template0"))
    if fact.tablespace != "pg_default":
        yield "tablespace", fact.tablespace
    if fact.is_template is not (fact.name in TEMPLATES):
        yield "is_template", fact.is_template
    if not fact.allow_connections:
        yield "allow_connections", False
    if fact.connection_limit != -1:
        yield "connection_limit", fact.connection_limit


def _locale(fact: DatabaseFact, usual: DatabaseFact | None) -> Iterator[tuple[str, Written]]:
    """All of it where one thing differs from what initdb was told."""
    if usual is None or same_locale(fact, usual):
        return
    if fact.encoding != usual.encoding:
        yield "encoding", fact.encoding
    yield "locale_provider", _PROVIDERS[fact.provider]
    if fact.locale is not None:
        yield "locale", fact.locale
    if fact.lc_collate is not None:
        yield "lc_collate", fact.lc_collate
    if fact.lc_ctype is not None:
        yield "lc_ctype", fact.lc_ctype


def _inside(name: str, facts: Facts) -> Iterator[tuple[str, Written]]:
    sections: list[tuple[str, Written]] = [
        ("schemas", dict(_schemas(name, facts))),
        ("extensions", dict(_extensions(name, facts))),
        ("ownership", ownership.captured(facts, name)),
        ("grants", privileges.captured(facts, name)),
        ("default_privileges", default_privileges.captured(facts, name)),
        ("row_security", list(_row_security(name, facts))),
        *_named(name, facts),
    ]
    yield from ((word, body) for word, body in sections if body)


def _schemas(name: str, facts: Facts) -> Iterator[tuple[str, Written]]:
    free = facts.once(acl.free_standing, name)
    usual = DATABASE_OWNER if facts.about.major >= 15 else facts.once(bootstrap)
    for key, owner in sorted(facts.once(acl.owners, name).items()):
        if key.kind != "schema" or key.name in SYSTEM or key not in free:
            continue
        if key.name == "public":
            if owner != usual:
                yield key.name, {"owner": owner}
        else:
            yield key.name, {} if owner == facts.once(bootstrap) else {"owner": owner}


def _extensions(name: str, facts: Facts) -> Iterator[tuple[str, Written]]:
    for extension, fact in sorted(facts.once(extensions, name).items()):
        if extension != "plpgsql":
            yield extension, {} if fact.schema == "public" else {"schema": fact.schema}


def _row_security(name: str, facts: Facts) -> Iterator[Written]:
    for table in sorted(facts.rows(TABLES, name), key=lambda one: one[:2]):
        line: dict[str, Written] = {"on": {"schema": table.schema, "table": table.table}}
        if not table.enabled:
            line["enabled"] = False
        if table.forced:
            line["forced"] = True
        yield line | {"policies": sorted(table.policies)}


def _named(name: str, facts: Facts) -> Iterator[tuple[str, Written]]:
    owners, usual = facts.once(names_by_oid), facts.once(bootstrap)
    kinds: dict[str, dict[str, Written]] = {"publications": {}, "event_triggers": {}, "foreign_servers": {}}
    for (kind, thing), fact in sorted(facts.once(present, name).items()):
        owner = owners.get(fact.owner, "")
        body: dict[str, Written] = {"owner": owner} if owner != usual and kind != "foreign_server" else {}
        if kind == "publication":
            body["all_tables"] = fact.trait == "true"
        elif kind == "event_trigger":
            body["enabled"] = _ENABLED[fact.trait]
        else:
            body["wrapper"] = fact.trait
        kinds[f"{kind}s"][thing] = body
    yield from kinds.items()
