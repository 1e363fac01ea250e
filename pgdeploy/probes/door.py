"""The door by which a role comes in: one wrong password, once its secret, and what that shows.

The wrong password goes first. It shows whether a password is asked for at all on our way in: where pg_hba.conf
sends us elsewhere (peer, cert, reject, no rule) a login proves nothing about the role.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import TYPE_CHECKING

from pgdeploy.check import Inapplicable, name
from pgdeploy.connection.server import MAINTENANCE
from pgdeploy.errors import SecretError
from pgdeploy.facts import Facts
from pgdeploy.probes.attempt import Attempt, attempt
from pgdeploy.probes.session import server_of, session, sql
from pgdeploy.resources.role import absent
from pgdeploy.secret import Secret, SecretRef, is_verifier

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec

TRIED = 3
"""Databases to try until pg_hba.conf lets us show a password."""


@dataclass(frozen=True, slots=True)
class Door:
    """A role, its secret, and the databases to come in to, in the order in which to try them."""

    role: str
    password: SecretRef
    places: tuple[str, ...]

    def wrong(self, facts: Facts) -> tuple[str, Attempt]:
        """How a wrong password was met, and where.

        Raises:
            Inapplicable: there is no database to connect to.
        """
        found = facts.once(_wrong, self)
        if found is None:
            raise Inapplicable(
                f"{name(self.role)} may connect to none of {', '.join(map(name, self.places))}"
            )
        return found

    def refused(self, facts: Facts) -> tuple[str, Attempt]:
        """How a wrong password was refused, and where.

        Raises:
            Inapplicable: no password is asked for on our way in.
        """
        database, wrong = self.wrong(facts)
        if wrong.entered:
            how = f" ({wrong.identity})" if wrong.identity else ""
            raise Inapplicable(f"pg_hba.conf lets {name(self.role)} in here without a password{how}")
        if not wrong.asked:
            raise Inapplicable(f"{name(self.role)} is not asked for a password here: {wrong.words}")
        return database, wrong

    def right(self, facts: Facts) -> Attempt:
        """How the secret was met, where a wrong password was refused; it is shown nowhere else.

        Raises:
            Inapplicable: no password is asked for on our way in, or the secret is a verifier.
        """
        database, _ = self.refused(facts)
        if is_verifier(self.password.read()):
            raise Inapplicable(
                f"the secret of {name(self.role)} is a SCRAM verifier, with which nobody can log in"
            )
        return facts.once(_right, self, database)

    def enters(self, facts: Facts, database: str) -> bool:
        """Whether the role really gets into this database; False also where that could not be tried."""
        if absent(self.role, facts):
            return False
        try:
            return self.right(facts).entered and _right(facts, self, database).entered
        except (Inapplicable, SecretError):
            return False


def _wrong(facts: Facts, door: Door) -> tuple[str, Attempt] | None:
    """One wrong password; to another database only when pg_hba.conf did not ask for it."""
    known = facts.once(_may_connect).get(door.role, [])
    password = Secret(token_urlsafe(24))
    found = None
    for database in [place for place in door.places if place in known][:TRIED]:
        found = database, attempt(server_of(facts), door.role, password, database)
        if found[1].entered or found[1].asked:
            break
    return found


def _right(facts: Facts, door: Door, database: str) -> Attempt:
    return attempt(server_of(facts), door.role, door.password.read(), database)


def _may_connect(facts: Facts) -> Mapping[str, list[str]]:
    """Databases that let each role in, as far as privileges go."""
    with session(facts) as connection:
        return dict(
            connection.execute(sql("may_connect"), [[*facts.rows_of_databases, MAINTENANCE]]).fetchall()
        )


def doors(spec: Spec) -> Mapping[str, Door]:
    """The door of each role that has a secret."""
    return {
        role: Door(role, body.password, tuple(_places(spec, role)))
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
