"""Which rule of pg_hba.conf decides on a login: the first that matches, as PostgreSQL reads the spec's rules."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from pgdeploy.resources.membership import of

if TYPE_CHECKING:
    from pgdeploy.resources.hba import HbaRuleSpec
    from pgdeploy.resources.spec import Spec


class Undecided(Exception):
    """A rule comes first of which only the server knows whether it matches: a host name, samenet."""


@dataclass(frozen=True, slots=True)
class Login:
    """One login that somebody may try, over TCP."""

    role: str
    database: str
    client: str
    tls: bool


def deciding(spec: Spec, login: Login) -> HbaRuleSpec | None:
    """The rule that decides; None when no rule matches, which refuses.

    Raises:
        Undecided: that cannot be known here.
    """
    for rule in spec.hba or ():
        if (
            _type(rule, login)
            and _database(rule, login)
            and _user(spec, rule, login)
            and _address(rule, login)
        ):
            return rule
    return None


def refuses(rule: HbaRuleSpec | None) -> bool:
    """Whether the login ends there, before anybody asks for a password."""
    return rule is None or rule.method == "reject"


def _type(rule: HbaRuleSpec, login: Login) -> bool:
    return rule.type in (
        ("host", "hostssl", "hostnogssenc") if login.tls else ("host", "hostnossl", "hostnogssenc")
    )


def _database(rule: HbaRuleSpec, login: Login) -> bool:
    if "all" in rule.database or login.database in rule.database:
        return True
    if "sameuser" in rule.database and login.role == login.database:
        return True
    if {"samerole", "samegroup"} & set(rule.database) or any(word.startswith("/") for word in rule.database):
        raise Undecided
    return False


def _user(spec: Spec, rule: HbaRuleSpec, login: Login) -> bool:
    if "all" in rule.user or login.role in rule.user:
        return True
    groups = {word[1:] for word in rule.user if word.startswith("+")}
    if any(word.startswith("/") for word in rule.user):
        raise Undecided
    return bool(groups & _groups(spec, login.role))


def _groups(spec: Spec, role: str) -> set[str]:
    """All that the role is a member of, by whatever way, and itself."""
    found, unvisited = {role}, [role]
    while unvisited:
        body = spec.roles.get(unvisited.pop())
        for entry in of(body) if body is not None else ():
            if entry.role not in found:
                found.add(entry.role)
                unvisited.append(entry.role)
    return found


def _address(rule: HbaRuleSpec, login: Login) -> bool:
    if rule.address == "all":
        return True
    try:
        network = ip_network(rule.address or "", strict=False)
    except ValueError:
        raise Undecided from None
    return ip_address(login.client) in network
