"""The door by which a role comes in: its secret, once; and a wrong password, once for each method that decides.

Each failed login is a line in the server's log that may raise an alarm, and a step towards a locked account. So it is
known from pg_hba.conf who decides (way_in.py), before anything is tried. Where that is PostgreSQL by a password, one
wrong password in the name of one role shows for all of them that the method refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server.login.attempt import Attempt, attempt
from pgdeploy.layers.server.login.budget import budget
from pgdeploy.layers.server.login.connectable import may_connect
from pgdeploy.layers.server.login.session import server_of
from pgdeploy.layers.server.probes.network import Network, network
from pgdeploy.layers.server.probes.way_in import PASSWORD, TRUST, method, untried
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.secret.reference import Secret, SecretRef, is_verifier
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

TRIED = 3
"""Databases to look at until pg_hba.conf lets us show a password."""


class Tried(NamedTuple):
    """A login by TCP: to which database, by which way, and how it was met."""

    database: str
    network: Network
    attempt: Attempt


class Wrong(NamedTuple):
    """A wrong password, in whose name it was shown, and how it was met."""

    role: str
    database: str
    attempt: Attempt

    def words_for(self, role: str) -> str:
        """What the server would have said to another role."""
        return self.attempt.words.replace(f'"{self.role}"', f'"{role}"')


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A role, its secret, and the databases to come in to, in the order in which to try them."""

    role: str
    password: SecretRef
    places: tuple[str, ...]

    def place(self, facts: Facts) -> tuple[str, str]:
        """The database to come in to and the method that decides there: one that asks for a password, if there is.

        Raises:
            Inapplicable: there is no database to connect to, or nothing may be tried.
        """
        there = self._there(facts)
        if not there:
            raise Inapplicable(
                f"{quoted_name(self.role)} may connect to none of {', '.join(map(quoted_name, self.places))}"
            )
        found = [(place, method(facts, self.role, place)) for place in there]
        return next((one for one in found if one[1] in PASSWORD), found[0])

    def _there(self, facts: Facts) -> list[str]:
        known = facts.once(may_connect).get(self.role, [])
        return [place for place in self.places if place in known][:TRIED]

    def right(self, facts: Facts) -> tuple[str, Attempt]:
        """Where the secret was shown, and how it was met.

        Raises:
            Inapplicable: no password is asked for on our way in, or the secret is a verifier.
        """
        database, how = self.place(facts)
        if how not in PASSWORD:
            reasons = self._without(how), untried(facts, self.role, database)
            raise Inapplicable("; ".join(filter(None, reasons)))
        if is_verifier(self.password.read()):
            raise Inapplicable(
                f"the secret of {quoted_name(self.role)} is a SCRAM verifier, with which nobody can log in"
            )
        right = facts.once(_right, self, database)
        if not right.asked:
            reason = right.words or "it is let in without one"
            raise Inapplicable(f"{quoted_name(self.role)} is not asked for a password here: {reason}")
        return database, right

    def by_tcp(self, facts: Facts) -> Tried | None:
        """How the secret was met by TCP, where we come by the socket; None where nobody asked for it there."""
        reached = facts.once(network)
        if reached is None or is_verifier(self.password.read()):
            return None
        for place in self._there(facts):
            with suppress(Inapplicable):
                if method(facts, self.role, place, reached.way) in PASSWORD:
                    tried = facts.once(_by_tcp, self, reached, place)
                    return Tried(place, reached, tried) if tried.asked else None
        return None

    def wrong(self, facts: Facts) -> Wrong:
        """How a wrong password was met: this role's, or another's on whom the same method decides.

        Raises:
            Inapplicable: no password is asked for on our way in.
        """
        database, how = self.place(facts)
        if how == TRUST:
            return facts.once(_wrong, self, database)
        if how not in PASSWORD:
            raise Inapplicable(self._without(how))
        shown = facts.once(_shown)
        if how not in shown:
            shown[how] = facts.once(_wrong, self, database)
        return shown[how]

    def is_right(self, facts: Facts, right: Attempt) -> bool:
        """Whether the secret was accepted, even if something else then refused the login: in other words."""
        return right.entered or right.words != self.wrong(facts).words_for(self.role)

    def _without(self, how: str) -> str:
        if how == TRUST:
            return f"pg_hba.conf lets {quoted_name(self.role)} in here without a password"
        return f"{quoted_name(self.role)} is not asked for a password here: pg_hba.conf decides by {how}"


def _shown(facts: Facts) -> dict[str, Wrong]:
    """The wrong passwords that were shown, by method."""
    return {}


def _wrong(facts: Facts, door: PasswordLogin, database: str) -> Wrong:
    with facts.once(budget).turn() as seconds:
        password = Secret(token_urlsafe(24))
        return Wrong(door.role, database, attempt(server_of(facts), door.role, password, database, seconds))


def _right(facts: Facts, door: PasswordLogin, database: str) -> Attempt:
    with facts.once(budget).turn() as seconds:
        return attempt(server_of(facts), door.role, door.password.read(), database, seconds)


def _by_tcp(facts: Facts, door: PasswordLogin, reached: Network, database: str) -> Attempt:
    with facts.once(budget).turn() as seconds:
        password = door.password.read()
        return attempt(reached.server, door.role, password, database, seconds, known=server_of(facts))


def password_logins(spec: Spec) -> Mapping[str, PasswordLogin]:
    """The door of each role that has a secret."""
    return {
        role: PasswordLogin(role, body.password, tuple(_places(spec, role)))
        for role, body in spec.roles.items()
        if body.state == "present" and body.password is not None
    }


def _places(spec: Spec, role: str) -> Iterator[str]:
    """Databases, those first that the spec lets the role connect to by name, templates last."""

    def rank(database: str) -> int:
        body = spec.databases.get(database)
        if body is None or body.is_template:
            return 2 if body is None else 3
        named = any(line.on.database and role in (line.to or ()) for line in body.grants)
        return 0 if named or body.owner == role else 1

    yield from sorted({**spec.databases, MAINTENANCE: None}, key=rank)
