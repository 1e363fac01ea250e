"""Databases: owners, templates, locales, and what a database without connections cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pgdeploy.layers.server.circle import rings
from pgdeploy.layers.server.database import alike
from pgdeploy.layers.server.problems.named import NAMED
from pgdeploy.layers.server.problems.reference import circle_text, role_problems, unknown
from pgdeploy.model.inheritance import TEMPLATES, inherited
from pgdeploy.postgres.values import SERVER_ENCODINGS, encoding_name
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

MOST_GENERATIONS = 20
"""So many databases may be copies of each other, one behind the other."""


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of databases, each at its place."""
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


def _from_template(
    spec: Spec, database: str, around: Mapping[str, Sequence[str]], keys: Keys
) -> Iterator[Problem]:
    template = spec.databases[database].from_template
    if template is None:
        return
    if template not in TEMPLATES:
        yield from unknown("database", template, spec.databases, keys)
    if way := around.get(database):
        yield Problem(keys, f"templates form a circle: {circle_text(way)}")


def chains(spec: Spec) -> Iterator[Problem]:
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


_IN_DATABASE = ("schemas", "extensions", "ownership", "grants", "default_privileges", "row_security", *NAMED)


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
