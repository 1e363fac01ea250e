"""Which rule of pg_hba.conf decides on a login: the first that matches, as PostgreSQL reads the rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from pgdeploy.layers.server.membership import of
from pgdeploy.model.hba import HbaIncludeSpec
from pgdeploy.model.hbarule import KEYWORDS, USER_KEYWORDS
from pgdeploy.postgres import pg_hba

if TYPE_CHECKING:
    from pgdeploy.model.hba import HbaRuleSpec
    from pgdeploy.model.hbarule import Match
    from pgdeploy.model.spec import Spec

NO_RULE = "no rule"
"""Stands for the method where no rule matches, which refuses."""


class Undecided(Exception):
    """A line comes first of which only the server knows whether it matches: a host name, samenet, an included file."""


@dataclass(frozen=True, slots=True)
class Login:
    """One login that somebody may try; `client` None: by the server's socket."""

    role: str
    database: str
    client: str | None
    tls: bool


def deciding(spec: Spec, login: Login) -> HbaRuleSpec | None:
    """The spec's rule that decides; None when no rule matches, which refuses.

    Raises:
        Undecided: that cannot be known here.
    """
    groups = _groups(spec, login.role)
    for rule in spec.hba or ():
        if isinstance(rule, HbaIncludeSpec):
            raise Undecided
        fits = matches(rule.match, login, groups)
        if fits is None:
            raise Undecided
        if fits:
            return rule
    return None


def refuses(rule: HbaRuleSpec | None) -> bool:
    """Whether the login ends there, before anybody asks for a password."""
    return rule is None or rule.method == "reject"


def methods(rules: Iterable[tuple[Match, str]], login: Login, groups: Collection[str]) -> tuple[str, ...]:
    """Every method that may decide; only one where nothing is left to what the server alone knows."""
    found: list[str] = []
    for match, method in rules:
        fits = matches(match, login, groups)
        if fits is not False:
            found.append(method)
        if fits:
            return tuple(dict.fromkeys(found))
    return tuple(dict.fromkeys([*found, NO_RULE]))


def other_ways(
    rules: Iterable[tuple[Match, str]], logins: Collection[Login], groups: Collection[str]
) -> tuple[str, ...]:
    """Rules that may let a role into a database by another way than these logins of it, as pg_hba.conf has them."""
    return tuple(
        match.text
        for match, method in rules
        if method != "reject" and all(_is_elsewhere(match, login, groups) for login in logins)
    )


def _is_elsewhere(match: Match, login: Login, groups: Collection[str]) -> bool:
    """Whether a rule is about this login but for the way by which it comes."""
    names = (_database(match, login, groups), _user(match, login, groups))
    return False not in names and False in (_type(match, login), _address(match, login))


def matches(match: Match, login: Login, groups: Collection[str]) -> bool | None:
    """Whether a rule is about this login; None: only the server knows. `groups`: the role and all it is member of."""
    answers = {
        _type(match, login),
        _database(match, login, groups),
        _user(match, login, groups),
        _address(match, login),
    }
    if False in answers:
        return False
    return None if None in answers else True


def _type(match: Match, login: Login) -> bool | None:
    if login.client is None:
        return match.type == "local"
    if match.type == "hostgssenc":
        return None
    return match.type in ("host", "hostnogssenc", "hostssl" if login.tls else "hostnossl")


def _database(match: Match, login: Login, groups: Collection[str]) -> bool | None:
    if "all" in match.database or pg_hba.word(login.database, KEYWORDS) in match.database:
        return True
    if "sameuser" in match.database and login.role == login.database:
        return True
    if {"samerole", "samegroup"} & set(match.database) and login.database in groups:
        return True
    return None if any(word.startswith("/") for word in match.database) else False


def _user(match: Match, login: Login, groups: Collection[str]) -> bool | None:
    if "all" in match.user or pg_hba.word(login.role, USER_KEYWORDS) in match.user:
        return True
    if {word[1:] for word in match.user if word.startswith("+")} & set(groups):
        return True
    return None if any(word.startswith("/") for word in match.user) else False


def _address(match: Match, login: Login) -> bool | None:
    if login.client is None or match.address in (None, "all"):
        return True
    try:
        network = ip_network(match.address or "", strict=False)
    except ValueError:
        return None
    return ip_address(login.client) in network


def _groups(spec: Spec, role: str) -> set[str]:
    """All that the spec makes the role a member of, by whatever way, and itself."""
    memberships = {member: [entry.role for entry in of(body)] for member, body in spec.roles.items()}
    return all_groups(memberships, role)


def all_groups(memberships: Mapping[str, Iterable[str]], role: str) -> set[str]:
    """All that a role is a member of, by whatever way, and itself. `memberships`: the direct ones of each role."""
    found, unvisited = {role}, [role]
    while unvisited:
        for group in memberships.get(unvisited.pop(), ()):
            if group not in found:
                found.add(group)
                unvisited.append(group)
    return found
