"""Databases: `databases:` in the spec.

CREATE DATABASE ... TEMPLATE copies objects, schema ACLs, extensions and default privileges of the template;
not its owner, its own ACL, its connection limit or ALTER DATABASE SET. So a database `from_template`
carries what the template's spec says of the first group, and nothing of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server import exact, library
from pgdeploy.layers.server.change import Change, Stage, Statement, ident, literal, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import bootstrap, names_by_oid, usual_owner
from pgdeploy.layers.server.setting import compare_stored, needs_to_store, parameter_of, stored
from pgdeploy.layers.server.settingvalue import assignment, clear, resets
from pgdeploy.model.database import DatabaseSpec
from pgdeploy.model.inheritance import TEMPLATES
from pgdeploy.postgres.values import encoding_name, icu_locale, locale_name
from pgdeploy.secret.place import shown_setting
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin", "d": "default"}


class DatabaseFact(NamedTuple):
    name: str
    owner: int
    encoding: str
    lc_collate: str | None
    lc_ctype: str | None
    provider: str
    locale: str | None
    is_template: bool
    allow_connections: bool
    connection_limit: int
    tablespace: str


DATABASES = Query("databases", DatabaseFact._make, variants=(15, 17))
QUERIES = (DATABASES,)


def databases(facts: Facts) -> Mapping[str, DatabaseFact]:
    return {row.name: row for row in facts.rows(DATABASES)}


def absent(database: str, facts: Facts) -> str | None:
    """Why a check about this database means nothing yet."""
    return None if database in facts.once(databases) else f"database {quoted_name(database)} does not exist"


# What is fixed at creation: field of the spec, and its clause of CREATE DATABASE.
_FIXED = {
    "encoding": "ENCODING",
    "locale_provider": "LOCALE_PROVIDER",
    "lc_collate": "LC_COLLATE",
    "lc_ctype": "LC_CTYPE",
    "tablespace": "TABLESPACE",
}
_FLAGS = {
    "is_template": "IS_TEMPLATE",
    "allow_connections": "ALLOW_CONNECTIONS",
    "connection_limit": "CONNECTION LIMIT",
}


@dataclass(frozen=True, slots=True)
class Database(ServerResource):
    """One entry of `databases:`, without what stands in it."""

    kind: ClassVar[str] = "database"
    database: str
    spec: DatabaseSpec
    policy: str = "drift"
    """What the spec says of attributes that it does not write."""
    source: DatabaseSpec | None = None
    """What the spec says of the database that it is a copy of."""

    @property
    def address(self) -> str:
        return f"database[{quoted_name(self.database)}]"

    def checks(self) -> Iterator[Check]:
        yield self._check("exists", self._compare_exists, at=())
        for field in ("owner", *_FIXED, "locale", *_FLAGS):
            if getattr(self.spec, field) is not None:
                yield self._check(field, lambda facts, field=field: self._compare_field(facts, field))
        for setting in self.spec.settings:
            compare = lambda facts, s=setting: self._compare_setting(facts, s)  # noqa: E731
            keys = ("databases", self.database, "settings", setting)
            yield Check(self, self.address, f"settings[{quoted_name(setting, dotted=True)}]", keys, compare)
        yield self._check(
            "undeclared_settings", self._compare_undeclared_settings, at=(), aspect="undeclared"
        )
        if self.policy != "ignore":
            yield self._check(exact.FIELD, self._compare_undeclared_attributes, at=(), aspect="undeclared")

    def _check(
        self, field: str, compare: object, at: tuple[str, ...] | None = None, aspect: str = ""
    ) -> Check:
        keys = ("databases", self.database, *((field,) if at is None else at))
        return Check(self, self.address, field, keys, compare, aspect)  # type: ignore[arg-type]

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return None if check.field == "exists" else absent(self.database, facts)

    # -- compare -----------------------------------------------------------------------------------

    def roles_named(self, facts: Facts, check: Check) -> Sequence[str]:
        return (self.spec.owner,) if self.spec.owner and check.field in ("exists", "owner") else ()

    def _compare_exists(self, facts: Facts) -> Outcome:
        there = self.database in facts.once(databases)
        return Outcome(there, "present", "present" if there else "absent")

    def _compare_field(self, facts: Facts, field: str) -> Outcome:
        desired = getattr(self.spec, field)
        if field in ("locale", "locale_provider"):
            _require_provider(self.spec.locale_provider, facts)
        fact = facts.once(databases).get(self.database)
        actual = None if fact is None else self._actual(facts, fact, field)
        remedy = (
            "it is fixed when a database is made: make another and move the data"
            if field in (*_FIXED, "locale")
            else ""
        )
        conforms = alike(field, desired, actual, self.spec.locale_provider)
        return Outcome(conforms, _text(desired), _text(actual), remedy=remedy if fact else "")

    def _actual(self, facts: Facts, fact: DatabaseFact, field: str) -> object:
        if field == "owner":
            return facts.once(names_by_oid).get(fact.owner, str(fact.owner))
        if field == "locale_provider":
            return _PROVIDERS.get(fact.provider, fact.provider)
        return getattr(fact, field)

    @property
    def _usual(self) -> Mapping[str, object]:
        """Flags as CREATE DATABASE makes them, or initdb."""
        return {
            "is_template": self.database in TEMPLATES,
            "allow_connections": self.database != "template0",
            "connection_limit": -1,
        }

    def _off(self, facts: Facts) -> Mapping[str, object]:
        """Attributes that the spec does not write and that are not as CREATE DATABASE makes them."""
        fact = facts.once(databases).get(self.database)
        if fact is None:
            return {}
        off = {field: getattr(fact, field) for field in _FLAGS if getattr(fact, field) != self._usual[field]}
        owner = self._actual(facts, fact, "owner")
        if owner not in (facts.about.user, bootstrap(facts)):
            off["owner"] = owner
        return {field: value for field, value in off.items() if getattr(self.spec, field) is None}

    def _compare_undeclared_attributes(self, facts: Facts) -> Outcome:
        off = self._off(facts)
        return exact.compared({field: _word(value) for field, value in off.items()}, self.policy)

    def _compare_setting(self, facts: Facts, setting: str) -> Outcome:
        return compare_stored(facts, (self.database, None), setting, self.spec.settings[setting])

    def _undeclared(self, facts: Facts) -> list[tuple[str, str]]:
        declared = {setting.lower() for setting in self.spec.settings}
        rows = facts.once(stored).get((self.database, None), {})
        return [(row.name, row.value) for key, row in rows.items() if key not in declared]

    def _compare_undeclared_settings(self, facts: Facts) -> Outcome:
        extra = self._undeclared(facts)
        actual = listing(f"{setting} = {shown_setting(setting, value)}" for setting, value in extra)
        return Outcome(not extra, "no settings beyond the spec", actual, "ALTER DATABASE SET")

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        fields = {drift.check.field: drift.check.id for drift in drifts if not drift.remedy}
        if "exists" in fields:
            made = [field for field in fields if "settings" not in field]
            causes = tuple(fields[field] for field in made)
            owner = (self.spec.owner,) if self.spec.owner else ()
            text = self._create(facts.about.major, fields)
            yield Change(
                Stage.DATABASE,
                statements(text),
                causes,
                transactional=False,
                acts_as=owner,
                of_database="" if self._may_be_copied(facts) else self.template or "",
                needs=("createdb",),
            )
        else:
            if cause := fields.get(exact.FIELD):
                yield from self._usual_again(cause, facts)
            yield from self._alter(fields, facts)
        yield from self._setting_changes(fields, facts)

    def _create(self, major: int, fields: Mapping[str, str]) -> str:
        clauses = [f"CREATE DATABASE {ident(self.database)}"]
        if self.spec.owner:
            clauses.append(f"OWNER {ident(self.spec.owner)}")
        clauses += [f"TEMPLATE {ident(template)}" for template in filter(None, [self.template])]
        for field, clause in _FIXED.items():
            value = getattr(self.spec, field)
            # 14 knows libc only, and no word for it
            if value is not None and (field != "locale_provider" or major >= 15):
                clauses.append(f"{clause} {ident(value) if field == 'tablespace' else literal(value)}")
        if self.spec.locale is not None:
            clause = "BUILTIN_LOCALE" if self.spec.locale_provider == "builtin" else "ICU_LOCALE"
            clauses.append(f"{clause} {literal(self.spec.locale)}")
        clauses += [f"{clause} {_flag(self.spec, f)}" for f, clause in _FLAGS.items() if f in fields]
        return " ".join(clauses)

    @property
    def template(self) -> str | None:
        """What to copy: another encoding or locale than template1's needs template0."""
        fixed = any(
            getattr(self.spec, field) is not None for field in (*_FIXED, "locale") if field != "tablespace"
        )
        return self.spec.from_template or ("template0" if fixed else None)

    def _may_be_copied(self, facts: Facts) -> bool:
        """Whether everybody with CREATEDB may copy its template by then; else its owner may."""
        if self.template in (None, *TEMPLATES):
            return True
        fact = facts.once(databases).get(self.template or "")
        if self.source is None:
            return fact is not None and fact.is_template
        kept = self.source.is_template is None and self.policy != "drift"
        if self.source.is_template or kept:
            return fact.is_template if fact is not None else bool(self.source.is_template)
        return False

    def _alter(self, fields: Mapping[str, str], facts: Facts) -> Iterator[Change]:
        database = ident(self.database)
        if "owner" in fields:
            text = f"ALTER DATABASE {database} OWNER TO {ident(self.spec.owner or '')}"
            roles = (
                self.spec.owner or "",
                str(self._actual(facts, facts.once(databases)[self.database], "owner")),
            )
            yield Change(
                Stage.DATABASE, statements(text), (fields["owner"],), acts_as=roles, needs=("createdb",)
            )
        known = [field for field in _FLAGS if field in fields]
        closing = [
            field for field in known if field == "allow_connections" and not self.spec.allow_connections
        ]
        for stage, flags in (
            (Stage.DATABASE, [f for f in known if f not in closing]),
            (Stage.CLOSE, closing),
        ):
            if not flags:
                continue
            options = " ".join(f"{_FLAGS[field]} {_flag(self.spec, field)}" for field in flags)
            text = f"ALTER DATABASE {database} WITH {options}"
            causes = tuple(fields[field] for field in flags)
            yield Change(stage, statements(text), causes, of_database=self.database)

    def _usual_again(self, cause: str, facts: Facts) -> Iterator[Change]:
        """What makes attributes that the spec does not write PostgreSQL's defaults."""
        database, off, usual = ident(self.database), self._off(facts), self._usual
        if "owner" in off:
            owner = usual_owner(facts)
            text = f"ALTER DATABASE {database} OWNER TO {ident(owner)}"
            roles = (owner, str(off["owner"]))
            yield Change(Stage.DATABASE, statements(text), (cause,), acts_as=roles, needs=("createdb",))
        if options := " ".join(f"{_FLAGS[field]} {_word(usual[field])}" for field in _FLAGS if field in off):
            text = f"ALTER DATABASE {database} WITH {options}"
            yield Change(Stage.DATABASE, statements(text), (cause,), of_database=self.database)

    def owner_after(self, facts: Facts) -> str | None:
        """Whom the plan makes its owner; None where it leaves that as it is."""
        off = self.policy == "drift" and "owner" in self._off(facts)
        return usual_owner(facts) if off else self.spec.owner

    def _setting_changes(self, fields: Mapping[str, str], facts: Facts) -> Iterator[Change]:
        database = ident(self.database)
        for setting, value in self.spec.settings.items():
            if cause := fields.get(f"settings[{quoted_name(setting, dotted=True)}]"):
                parameter = parameter_of(facts, setting)
                statement = assignment(f"ALTER DATABASE {database}", setting, clear(value), parameter)
                change = self._setting_change(facts, statement, [setting], cause)
                yield replace(change, loads=tuple(library.loads(setting, value, facts.about.major)))
        if cause := fields.get("undeclared_settings"):
            extra = [setting for setting, _ in self._undeclared(facts)]
            known = partial(parameter_of, facts)
            for statement in resets(f"ALTER DATABASE {database}", extra, self.spec.settings, known):
                yield self._setting_change(facts, statement, extra, cause)

    def _setting_change(self, facts: Facts, statement: Statement, names: Sequence[str], cause: str) -> Change:
        needs = needs_to_store(facts, names)
        return Change(Stage.ROLE_IN_DATABASE, (statement,), (cause,), of_database=self.database, needs=needs)


def _require_provider(provider: str | None, facts: Facts) -> None:
    since = {"icu": 15, "builtin": 17}.get(provider or "", 14)
    if facts.about.major < since:
        raise Inapplicable(f"PostgreSQL {facts.about.major} has no {provider} provider; {since} brought it")


def alike(field: str, desired: object, actual: object, provider: str | None) -> bool:
    """Whether both are the same to PostgreSQL; `provider` tells whose locale it is."""
    if not (isinstance(desired, str) and isinstance(actual, str)):
        return desired == actual
    spelled = icu_locale if field == "locale" and provider == "icu" else _SPELLED.get(field, str)
    return spelled(desired) == spelled(actual)


_SPELLED: Mapping[str, Callable[[str], str]] = {
    "encoding": encoding_name,
    "lc_collate": locale_name,
    "lc_ctype": locale_name,
    "locale": locale_name,
}


def _flag(spec: DatabaseSpec, field: str) -> str:
    return _word(getattr(spec, field))


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: object) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class UndeclaredDatabases(ServerResource):
    """Databases beyond the spec: reported, drift (which no change removes) or ignored."""

    kind: ClassVar[str] = "database"
    declared: frozenset[str]
    policy: str

    def checks(self) -> Iterator[Check]:
        if self.policy != "ignore":
            keys = ("undeclared", "databases")
            yield Check(self, "database[others]", "undeclared", keys, self._compare, "undeclared")

    def _compare(self, facts: Facts) -> Outcome:
        own = {*TEMPLATES, "postgres"}
        found = [known for known in facts.once(databases) if known not in self.declared and known not in own]
        actual = listing(map(quoted_name, found))
        if self.policy == "report":
            return exact.reported("databases", actual, bool(found))
        remedy = "pgdeploy never drops a database; declare it, or drop it by hand"
        return Outcome(not found, "no database beyond the spec", actual, remedy=remedy)


def resources(spec: Spec) -> Iterator[ServerResource]:
    for database, body in spec.databases.items():
        source = spec.databases.get(body.from_template or "")
        yield Database(database, body, spec.undeclared.attributes, source)
    yield UndeclaredDatabases(frozenset(spec.databases), spec.undeclared.databases)
