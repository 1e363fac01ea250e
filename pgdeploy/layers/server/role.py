"""Roles: attributes, password, settings; `roles:` in the spec.

What is not written is not checked, except what is dangerous when wrong: SUPERUSER, CREATEROLE, CREATEDB,
REPLICATION and BYPASSRLS are off unless the spec says on. A superuser has the other four anyway, so
there they are checked only when written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import exact, library
from pgdeploy.layers.server.change import MASK, Change, Stage, Statement, ident, literal, statements
from pgdeploy.layers.server.external import ExternalRole
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.role_dropping import AbsentRole, UndeclaredRoles, leaving
from pgdeploy.layers.server.rolefact import (
    ADMIN_SINCE,
    BOOTSTRAP,
    HELD,
    ROLES,
    RoleFact,
    absent,
    roles,
)
from pgdeploy.layers.server.setting import compare_stored, needs_to_store, parameter_of, stored
from pgdeploy.layers.server.settingvalue import assignment, clear, resets
from pgdeploy.model.role import RoleSpec
from pgdeploy.model.setting import SettingValue
from pgdeploy.postgres.moment import NEVER_ENDS, timestamp
from pgdeploy.secret.place import shown_setting
from pgdeploy.secret.reference import SecretRef, is_scram, matches
from pgdeploy.secret.scram import MOST_ITERATIONS, iterations
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

ATTRIBUTES = {
    "superuser": "SUPERUSER",
    "createrole": "CREATEROLE",
    "createdb": "CREATEDB",
    "replication": "REPLICATION",
    "bypassrls": "BYPASSRLS",
    "login": "LOGIN",
    "inherit": "INHERIT",
}
"""Field of the spec and of the fact, and its keyword in SQL."""

DANGEROUS = ("superuser", "createrole", "createdb", "replication", "bypassrls")
"""Off unless written, as in PostgreSQL's own CREATE ROLE."""


class PasswordFact(NamedTuple):
    name: str
    stored: str


PASSWORDS = Query("passwords", PasswordFact._make)
QUERIES = (ROLES, PASSWORDS, HELD)
_SPECIAL = ("superuser", "replication", "bypassrls")
"""Attributes that CREATEROLE alone may not give, or take away; from 16 CREATEDB, too."""


def passwords(facts: Facts) -> Mapping[str, str]:
    """Verifiers by role.

    Raises:
        Unreadable: we are no superuser, or the server shows them to nobody.
    """
    return {row.name: row.stored for row in facts.rows(PASSWORDS)}


def _other(stored: str) -> str:
    """What is stored, where it is not known to be the secret's."""
    if (number := iterations(stored)) > MOST_ITERATIONS:
        return f"a verifier of {number:,} iterations; more than {MOST_ITERATIONS:,} are not computed"
    return "another password"


@dataclass(frozen=True, slots=True)
class Role(ServerResource):
    """One entry of `roles:` that must be there."""

    kind: ClassVar[str] = "role"
    role: str
    spec: RoleSpec
    policy: str = "drift"
    """What the spec says of attributes that it does not write."""

    @property
    def address(self) -> str:
        return f"role[{quoted_name(self.role)}]"

    def checks(self) -> Iterator[Check]:
        yield self._check("exists", self._compare_exists, at=())
        for field in ATTRIBUTES:
            if getattr(self.spec, field) is not None or (field in DANGEROUS and not self.spec.superuser):
                yield self._check(field, lambda facts, field=field: self._compare_attribute(facts, field))
        if self.spec.connection_limit is not None:
            yield self._check("connection_limit", self._compare_limit)
        if self.spec.valid_until is not None:
            yield self._check("valid_until", self._compare_valid_until)
        if (reference := self.spec.password) is not None:
            yield self._check("password", lambda facts: self._compare_password(facts, reference))
        for database, values in self._setting_scopes():
            yield from self._setting_checks(database, values)
        yield self._check(
            "undeclared_settings", self._compare_undeclared_settings, at=(), aspect="undeclared"
        )
        if self.policy != "ignore":
            yield self._check(exact.FIELD, self._compare_undeclared_attributes, at=(), aspect="undeclared")

    def _check(self, field: str, compare: object, at: Keys | None = None, aspect: str = "") -> Check:
        keys = ("roles", self.role, *((field,) if at is None else at))
        return Check(self, self.address, field, keys, compare, aspect)  # type: ignore[arg-type]

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return None if check.field == "exists" else absent(self.role, facts)

    # -- compare -----------------------------------------------------------------------------------

    def _compare_exists(self, facts: Facts) -> Outcome:
        there = self.role in facts.once(roles)
        return Outcome(there, "present", "present" if there else "absent")

    def _fact(self, facts: Facts) -> RoleFact | None:
        return facts.once(roles).get(self.role)

    def _compare_attribute(self, facts: Facts, field: str) -> Outcome:
        fact = self._fact(facts)
        desired = bool(getattr(self.spec, field))
        actual = None if fact is None else getattr(fact, field)
        remedy = ""
        if field == "superuser" and fact is not None and fact.oid == BOOTSTRAP and not desired:
            remedy = "the superuser that initdb made keeps SUPERUSER; declare `superuser: true`"
        return Outcome(actual is desired, _word(desired), _word(actual), remedy=remedy)

    def _compare_limit(self, facts: Facts) -> Outcome:
        fact = self._fact(facts)
        actual = None if fact is None else fact.connection_limit
        return Outcome(actual == self.spec.connection_limit, str(self.spec.connection_limit), str(actual))

    def _compare_valid_until(self, facts: Facts) -> Outcome:
        fact = self._fact(facts)
        desired = timestamp(self.spec.valid_until or "")
        actual = None if fact is None else fact.end
        # never set and 'infinity' both mean: no end
        conforms = (actual or NEVER_ENDS) == desired and fact is not None
        return Outcome(conforms, str(desired), str(actual or "never set"))

    def _off(self, facts: Facts) -> Mapping[str, str]:
        """Attributes that the spec does not write and that are not as CREATE ROLE makes them."""
        fact, spec = self._fact(facts), self.spec
        off: dict[str, str] = {}
        if fact is not None and spec.inherit is None and not fact.inherit:
            off["inherit"] = "false"
        if fact is not None and spec.connection_limit is None and fact.connection_limit != -1:
            off["connection_limit"] = str(fact.connection_limit)
        end = fact.end if fact is not None else None
        if spec.valid_until is None and end not in (None, NEVER_ENDS):
            off["valid_until"] = str(end)
        return off

    def _compare_undeclared_attributes(self, facts: Facts) -> Outcome:
        return exact.compared(self._off(facts), self.policy)

    def _compare_password(self, facts: Facts, reference: SecretRef) -> Outcome:
        desired = f"the secret in {reference.describe()}, as SCRAM-SHA-256"
        secret, fact = reference.read(), self._fact(facts)
        try:
            actual = facts.once(passwords).get(self.role) if fact else None
        except Unreadable as unread:
            return self._shown_by_login(facts, reference, desired, unread)
        if actual is None:
            return Outcome(False, desired, "no password")
        if not matches(secret, actual, self.role):
            return Outcome(False, desired, _other(actual))
        if not is_scram(actual):
            return Outcome(False, desired, "the right password, stored as md5")
        return Outcome(True, desired, "that password")

    def _shown_by_login(
        self, facts: Facts, reference: SecretRef, desired: str, unread: Unreadable
    ) -> Outcome:
        """Nobody but a superuser reads passwords, and on a managed server nobody does."""
        from pgdeploy.layers.server.login.password import shown_by_login  # few plans need it

        fact = facts.once(roles)[self.role]
        if fact.has_ended and not self.spec.has_ended and self._mends_end:
            return Outcome(False, desired, f"one that ended on {fact.end}, so no login shows which")
        return shown_by_login(facts, fact, self.spec, reference, desired, unread)

    @property
    def _mends_end(self) -> bool:
        """Whether the same plan gives the password the end that the spec says, written or not."""
        return self.spec.valid_until is not None or self.policy == "drift"

    # -- settings ----------------------------------------------------------------------------------

    def _setting_scopes(self) -> Iterator[tuple[str | None, Mapping[str, SettingValue]]]:
        yield None, self.spec.settings
        yield from self.spec.settings_in.items()

    def _setting_checks(self, database: str | None, values: Mapping[str, SettingValue]) -> Iterator[Check]:
        for setting in values:
            where = ("settings",) if database is None else ("settings_in", database)
            field = f"settings[{quoted_name(setting, dotted=True)}]" + (
                f".in[{quoted_name(database)}]" if database else ""
            )
            yield Check(
                self,
                self.address,
                field,
                ("roles", self.role, *where, setting),
                lambda facts, d=database, s=setting: self._compare_setting(facts, d, s),
            )

    def _desired(self, database: str | None) -> Mapping[str, SettingValue]:
        return self.spec.settings if database is None else self.spec.settings_in.get(database, {})

    def _compare_setting(self, facts: Facts, database: str | None, setting: str) -> Outcome:
        return compare_stored(facts, (database, self.role), setting, self._desired(database)[setting])

    def _undeclared(self, facts: Facts) -> list[tuple[str | None, str, str]]:
        """(database, setting, value) of every ALTER ROLE ... SET that the spec does not say."""
        found = []
        for (database, role), rows in facts.once(stored).items():
            if role == self.role:
                declared = {setting.lower() for setting in self._desired(database)}
                found += [(database, row.name, row.value) for key, row in rows.items() if key not in declared]
        return found

    def _compare_undeclared_settings(self, facts: Facts) -> Outcome:
        extra = self._undeclared(facts)
        actual = listing(
            f"{setting} = {shown_setting(setting, value)}" + (f" in {quoted_name(d)}" if d else "")
            for d, setting, value in extra
        )
        return Outcome(not extra, "no settings beyond the spec", actual, "ALTER ROLE SET")

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        fields = {drift.check.field: drift.check.id for drift in drifts if not drift.remedy}
        options = [field for field in fields if not field.startswith(("settings", "undeclared"))]
        for some in self._apart(options, facts):
            yield self._attribute_change(some, fields, facts)
        if cause := fields.get(exact.FIELD):
            usual = {"inherit": "INHERIT", "connection_limit": "CONNECTION LIMIT -1"}
            words = [usual.get(field, "VALID UNTIL 'infinity'") for field in self._off(facts)]
            text = f"ALTER ROLE {ident(self.role)} {' '.join(words)}"
            yield Change(Stage.ROLE, statements(text), (cause,), needs=self._needs_to_alter(facts))
        yield from self._setting_changes(fields, facts)

    def _apart(self, options: Sequence[str], facts: Facts) -> Iterator[list[str]]:
        """Options of one ALTER ROLE: what needs more than CREATEROLE keeps nothing else back."""
        special = _special(facts.about.major)
        if facts.about.superuser or self.role not in facts.once(roles):
            special = ()
        yield from ([option] for option in options if option in special)
        if rest := [option for option in options if option not in special]:
            yield rest

    def _attribute_change(self, options: Sequence[str], fields: Mapping[str, str], facts: Facts) -> Change:
        there = self.role in facts.once(roles)
        verb = "ALTER" if there else "CREATE"
        own = self.role == facts.about.user and options == ["password"]
        needs = () if own else self._needs_to_alter(facts) if there else ("createrole",)
        special = [
            o for o in options if o in _special(facts.about.major) and (there or getattr(self.spec, o))
        ]
        text = " ".join([f"{verb} ROLE {ident(self.role)}", *filter(None, map(self._option, options))])
        return Change(
            Stage.ROLE,
            (Statement(text, self.spec.password if "password" in options else None),),
            tuple(fields[option] for option in options),
            needs=(*needs, *special),
        )

    def _needs_to_alter(self, facts: Facts, *, settings: bool = False) -> tuple[str, ...]:
        """What ALTER ROLE takes; before 16 whoever has REPLICATION is a superuser's to alter, but for `settings`."""
        known = facts.once(roles).get(self.role)
        replicates = known is not None and known.replication and facts.about.major < ADMIN_SINCE
        if (known is not None and known.superuser) or (replicates and not settings):
            return ("superuser",)
        return "createrole", f"ADMIN OPTION on {self.role}"

    def _option(self, field: str) -> str:
        """The clause of CREATE/ALTER ROLE; the password's stands last, where Statement looks for it."""
        if field in ATTRIBUTES:
            return ("" if getattr(self.spec, field) else "NO") + ATTRIBUTES[field]
        if field == "connection_limit":
            return f"CONNECTION LIMIT {self.spec.connection_limit}"
        if field == "valid_until":
            return f"VALID UNTIL {literal(str(timestamp(self.spec.valid_until or '')))}"
        return f"PASSWORD {MASK}" if field == "password" else ""

    def _setting_changes(self, fields: Mapping[str, str], facts: Facts) -> Iterator[Change]:
        for database, values in self._setting_scopes():
            for setting, value in values.items():
                field = f"settings[{quoted_name(setting, dotted=True)}]" + (
                    f".in[{quoted_name(database)}]" if database else ""
                )
                if field in fields:
                    before, parameter = self._alter(database), parameter_of(facts, setting)
                    statement = assignment(before, setting, clear(value), parameter)
                    change = self._setting_change(facts, database, statement, [setting], fields[field])
                    yield replace(change, loads=tuple(library.loads(setting, value, facts.about.major)))
        if "undeclared_settings" in fields:
            extra: dict[str | None, list[str]] = {}
            for database, setting, _ in self._undeclared(facts):
                extra.setdefault(database, []).append(setting)
            known = partial(parameter_of, facts)
            for database, names in extra.items():
                for statement in resets(self._alter(database), names, self._desired(database), known):
                    yield self._setting_change(
                        facts, database, statement, names, fields["undeclared_settings"]
                    )

    def _alter(self, database: str | None) -> str:
        return f"ALTER ROLE {ident(self.role)}" + (f" IN DATABASE {ident(database)}" if database else "")

    def _setting_change(
        self, facts: Facts, database: str | None, statement: Statement, names: Sequence[str], cause: str
    ) -> Change:
        stage = Stage.ROLE_IN_DATABASE if database else Stage.ROLE
        own = self.role == facts.about.user
        needs = () if own else self._needs_to_alter(facts, settings=True)
        return Change(stage, (statement,), (cause,), needs=(*needs, *needs_to_store(facts, names)))


def _special(major: int) -> tuple[str, ...]:
    return (*_SPECIAL, "createdb") if major >= ADMIN_SINCE else _SPECIAL


def resources(spec: Spec) -> Iterator[ServerResource]:
    gone = leaving(spec)
    for role, body in spec.roles.items():
        if body.state == "external":
            yield ExternalRole(role)
        elif body.state == "absent":
            yield AbsentRole(role, body, gone)
        else:
            yield Role(role, body, spec.undeclared.attributes)
    yield UndeclaredRoles(gone)


def _word(value: bool | None) -> str:
    return "absent" if value is None else ("yes" if value else "no")
