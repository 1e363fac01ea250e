"""Probes of roles that log in: with their secret, and not with a wrong password.

A wrong password is tried first, once: it shows whether a password is asked for at all on our way in. Where
pg_hba.conf sends us elsewhere (peer, cert, reject, no rule) a login proves nothing about the role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.check import Check, Inapplicable, Outcome, Resource, name
from pgdeploy.connection.server import MAINTENANCE
from pgdeploy.errors import SecretError
from pgdeploy.facts import Facts
from pgdeploy.probes.attempt import Attempt, attempt
from pgdeploy.probes.session import server_of, session, sql
from pgdeploy.resources.role import RoleSpec, absent
from pgdeploy.secret import Secret, SecretRef
from pgdeploy.values import timestamp

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec
    from pgdeploy.spec.place import Keys

WAYS = 3
"""Databases to try until pg_hba.conf lets us show a password."""


class Ways(NamedTuple):
    """The first way in on which a wrong password was not let in: its database and how that ended."""

    database: str
    wrong: Attempt


@dataclass(frozen=True, slots=True, eq=False)
class Login(Resource):
    """The logins of one role. `places`: databases in the order in which to try them."""

    kind: ClassVar[str] = "role"
    role: str
    spec: RoleSpec
    password: SecretRef
    places: tuple[str, ...]

    def checks(self) -> Iterator[Check]:
        if self.spec.login is False:
            yield self._check("cannot_log_in", self._compare_cannot)
        elif self.spec.login:
            yield self._check("logs_in", self._compare_logs_in)
            yield self._check("refuses_wrong_password", self._compare_wrong)

    def _check(self, field: str, compare: object) -> Check:
        keys: Keys = ("roles", self.role, "login" if field == "cannot_log_in" else "password")
        return Check(self, f"role[{name(self.role)}]", field, keys, compare, "probe")  # type: ignore[arg-type]

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        server_of(facts)
        return absent(self.role, facts)

    def enters(self, facts: Facts, database: str) -> bool:
        """Whether the role really gets into this database with its secret; False also where that was not tried."""
        try:
            right = None if absent(self.role, facts) else self._right(facts)
            return right is not None and right.entered and self._attempt(facts, database).entered
        except SecretError:
            return False

    # -- compare -----------------------------------------------------------------------------------

    def _compare_logs_in(self, facts: Facts) -> Outcome:
        way = self._password_way(facts)
        right = self._right(facts)
        assert right is not None and self.spec.password is not None
        if self._has_ended():
            desired = f"refused: its password ended on {self.spec.valid_until}"
            return Outcome(not right.entered, desired, "logged in" if right.entered else f"refused: {right.words}")
        desired = f"logs in to {name(way.database)} with the secret in {self.spec.password.describe()}"
        if right.entered:
            return Outcome(True, desired, "logged in")
        if right.words != way.wrong.words and facts.once(_is_full, self.role, way.database):
            raise Inapplicable(f"the secret is its password, but there is no room for a connection: {right.words}")
        return Outcome(False, desired, f"refused: {right.words}")

    def _compare_wrong(self, facts: Facts) -> Outcome:
        way = self._way(facts)
        if way.wrong.entered and (way.wrong.asked or way.wrong.identity == ""):
            actual = f"it was let in to {name(way.database)}" + ("" if way.wrong.asked else ": pg_hba.conf trusts it")
            return Outcome(False, "refused with a wrong password", actual)
        self._password_way(facts)
        return Outcome(True, "refused with a wrong password", f"refused: {way.wrong.words}")

    def _compare_cannot(self, facts: Facts) -> Outcome:
        if self.spec.password is None:
            raise Inapplicable("the spec gives it no password, so a refusal would prove nothing")
        way = self._way(facts)
        if way.wrong.entered:
            return Outcome(False, "refused", f"it was let in to {name(way.database)} without its password")
        self._password_way(facts)
        right = self._right(facts)
        assert right is not None
        if not right.entered and right.words == way.wrong.words:
            raise Inapplicable("the secret is not its password, so the refusal proves nothing")
        return Outcome(not right.entered, "refused", "logged in" if right.entered else f"refused: {right.words}")

    # -- ways in -----------------------------------------------------------------------------------

    def _place(self, facts: Facts) -> Ways | None:
        return facts.once(_place, self.role, self.places)

    def _right(self, facts: Facts) -> Attempt | None:
        """The attempt with its secret, where a password is asked for; at most one."""
        return facts.once(_right, self.role, self.places, self.spec.password)

    def _attempt(self, facts: Facts, database: str) -> Attempt:
        assert self.spec.password is not None
        return attempt(server_of(facts), self.role, self.spec.password.read(), database)

    def _way(self, facts: Facts) -> Ways:
        found = self._place(facts)
        if found is None:
            raise Inapplicable(f"{name(self.role)} may connect to none of {', '.join(map(name, self.places))}")
        return found

    def _password_way(self, facts: Facts) -> Ways:
        """The way on which a password is asked for.

        Raises:
            Inapplicable: there is none.
        """
        way = self._way(facts)
        if way.wrong.entered:
            how = f" ({way.wrong.identity})" if way.wrong.identity else ""
            raise Inapplicable(f"pg_hba.conf lets {name(self.role)} in here without a password{how}")
        if not way.wrong.asked:
            raise Inapplicable(f"{name(self.role)} is not asked for a password here: {way.wrong.words}")
        return way

    def _has_ended(self) -> bool:
        end = timestamp(self.spec.valid_until) if self.spec.valid_until is not None else None
        return isinstance(end, datetime) and end <= datetime.now(UTC)


def _may_connect(facts: Facts) -> Mapping[str, list[str]]:
    """Databases that let each role in, as far as privileges go."""
    with session(facts) as connection:
        return dict(connection.execute(sql("may_connect"), [[*facts.rows_of_databases, MAINTENANCE]]).fetchall())


def _is_full(facts: Facts, role: str, database: str) -> bool:
    """Whether a limit on connections is reached, of the role, the database or the server."""
    with session(facts) as connection:
        return bool(connection.execute(sql("is_full"), [role, database]).fetchone()[0])  # type: ignore[index]


def _place(facts: Facts, role: str, places: tuple[str, ...]) -> Ways | None:
    """Where a wrong password is asked for; of several databases the first whose rule does so."""
    open_to_it = facts.once(_may_connect).get(role, [])
    wrong = Secret(token_urlsafe(24))
    way = None
    for database in [place for place in places if place in open_to_it][:WAYS]:
        way = Ways(database, attempt(server_of(facts), role, wrong, database))
        if way.wrong.entered or way.wrong.asked:
            break
    return way


def _right(facts: Facts, role: str, places: tuple[str, ...], password: SecretRef) -> Attempt | None:
    way = facts.once(_place, role, places)
    if way is None or not way.wrong.asked:
        return None
    return attempt(server_of(facts), role, password.read(), way.database)


# -- from the spec -------------------------------------------------------------------------------------


def logins(spec: Spec) -> Iterator[Login]:
    """Roles whose login can be a question: those with a secret, and those that must not log in."""
    for role, body in spec.roles.items():
        if body.state == "present" and (body.login is False or (body.login and body.password is not None)):
            yield Login(role, body, tuple(_places(spec, role)))


def _places(spec: Spec, role: str) -> Iterator[str]:
    """Databases, those first that the spec lets the role connect to by name, templates last."""

    def rank(database: str) -> int:
        body = spec.databases[database]
        named = any(line.on.database and role in (line.to or ()) for line in body.grants)
        return 0 if named or body.owner == role else (2 if body.is_template else 1)

    ranked = sorted(spec.databases, key=rank)
    templates = [database for database in ranked if rank(database) == 2]
    yield from (database for database in ranked if database not in templates and database != MAINTENANCE)
    yield MAINTENANCE
    yield from templates


def probes(spec: Spec) -> Iterator[Resource]:
    return logins(spec)
