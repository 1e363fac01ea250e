"""Whether the password of a role is the secret, where nobody here may read what is stored: a login shows it.

libpq is told to take nothing but SCRAM, by which PostgreSQL itself compares the secret with what it stores. A directory
(LDAP, PAM, RADIUS), which asks in clear text and may lock the account, is sent nothing; who is let in unasked proves
nothing. So no rule of pg_hba.conf need be known, which managed servers do not show.

The server compares before it looks whether the role may log in at all: a refusal in other words than a wrong password's
has shown the secret to be right.
"""

from __future__ import annotations

from secrets import token_urlsafe
from typing import TYPE_CHECKING

from pgdeploy.core.check import Outcome
from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.layers.server.login.attempt import Attempt, attempt
from pgdeploy.layers.server.login.budget import budget
from pgdeploy.layers.server.login.connectable import may_connect
from pgdeploy.layers.server.login.session import server_of
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.secret.reference import Secret, SecretRef, is_verifier
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.server.rolefact import RoleFact
    from pgdeploy.model.role import RoleSpec

_SCRAM, _MD5 = "scram-sha-256", "md5"
TRIED = 2
"""Databases to come in to, beside the maintenance database, until one asks for the password."""


def shown_by_login(
    facts: Facts, fact: RoleFact, spec: RoleSpec, reference: SecretRef, desired: str, unread: Unreadable
) -> Outcome:
    """What a login says of a role's password.

    Raises:
        Inapplicable: the spec itself ended the password.
        Unreadable: a login shows nothing either; says why, and what would.
    """
    if fact.has_ended and spec.has_ended:
        raise Inapplicable(f"{unread}; a login shows nothing, as the spec ended it: {spec.valid_until}")
    if fact.has_ended:
        raise Unreadable(f"{unread}; a login shows nothing, as the password ended on {fact.end}")
    if is_verifier(reference.read()):
        raise Unreadable(
            f"{unread}; a login shows nothing, as the secret is a SCRAM verifier: give the password itself, or read as "
            "superuser"
        )
    database, right = facts.once(_right, fact.name, reference)
    if right.entered:
        return Outcome(True, desired, f"that password, as a login to {quoted_name(database)} shows")
    if right.asked:
        return _refused(facts, fact.name, database, right, desired)
    if facts.once(_wrong, fact.name, database, _MD5).asked:
        return Outcome(False, desired, "none, or one that is stored as md5, by what the server asks for")
    raise Unreadable(
        f"{unread}; a login shows nothing: {right.words}; a rule of pg_hba.conf with scram-sha-256 for it would, or "
        "reading as superuser"
    )


def _refused(facts: Facts, role: str, database: str, right: Attempt, desired: str) -> Outcome:
    wrong = facts.once(_wrong, role, database, _SCRAM)
    if not wrong.asked:
        raise Unreadable(f"a login as {quoted_name(role)} shows nothing: {wrong.words}")
    if right.words == wrong.words:
        return Outcome(False, desired, f"another password: a login with the secret is refused: {right.words}")
    return Outcome(True, desired, f"that password, although the login is refused: {right.words}")


def _right(facts: Facts, role: str, reference: SecretRef) -> tuple[str, Attempt]:
    """The database that was tried last, and how the secret was met."""
    allowed = facts.once(may_connect).get(role, [])
    places = [place for place in facts.rows_of_databases if place in allowed and place != MAINTENANCE]
    for place in (*places[:TRIED], MAINTENANCE):
        tried = _attempt(facts, role, reference.read(), place, _SCRAM)
        if tried.asked or tried.entered:
            break
    return place, tried


def _wrong(facts: Facts, role: str, database: str, how: str) -> Attempt:
    return _attempt(facts, role, Secret(token_urlsafe(24)), database, how)


def _attempt(facts: Facts, role: str, password: Secret, database: str, how: str) -> Attempt:
    server = server_of(facts)
    with facts.once(budget).turn() as seconds:
        return attempt(server.requiring(how), role, password, database, seconds, known=server)
