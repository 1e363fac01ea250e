"""The ways in: which rules of pg_hba.conf a role meets, given that the first one that matches wins.

A rule is hidden by one earlier rule that matches all it matches. What several earlier rules match
together is not worked out, so a way may be named that is closed by two rules side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network

from pgdeploy.lint.people import groups
from pgdeploy.lint.subject import Subject
from pgdeploy.resources.hba import HbaRuleSpec

# What a connection's type is, by the types of rules that match it: encrypted by GSS is not by TLS.
_TYPES = {
    "host": {"hostssl", "hostnossl", "hostgssenc", "hostnogssenc"},
    "hostnossl": {"hostgssenc"},
    "hostnogssenc": {"hostssl"},
}
_LOCAL_NAMES = ("samehost", "localhost")
_EVERYWHERE = ("*", "0.0.0.0", "::")  # noqa: S104 -- what to look for, not what to bind to

PASSWORD_METHODS = ("scram-sha-256", "md5", "password")
"""Methods that ask for the role's password in PostgreSQL."""


# -- addresses -----------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def network(address: str) -> IPv4Network | IPv6Network | None:
    """The network, or None for a name or a word."""
    try:
        return ip_network(address, strict=False)
    except ValueError:
        return None


def is_everywhere(rule: HbaRuleSpec) -> bool:
    """Whether it lets any address in, of one family at least."""
    if rule.address is None or rule.method == "reject":
        return False
    known = network(rule.address)
    return rule.address == "all" or (known is not None and known.prefixlen == 0)


def from_network(rule: HbaRuleSpec) -> bool:
    """Whether it lets in from another machine."""
    if rule.address is None or rule.method == "reject" or rule.address in _LOCAL_NAMES:
        return False
    known = network(rule.address)
    return known is None or not known.is_loopback


def listening(subject: Subject) -> tuple[str, ...]:
    value = subject.value("listen_addresses")
    words = value if isinstance(value, tuple) else str(value or "").split(",")
    return tuple(word.strip() for word in words if word.strip())


def listens_everywhere(subject: Subject) -> bool:
    return any(word in _EVERYWHERE for word in listening(subject))


def listens_beyond(subject: Subject) -> bool:
    """Whether other machines can come. When the spec does not say, its rules are taken at their word."""
    if not subject.written("listen_addresses"):
        return True
    return any(not _is_local(word) for word in listening(subject))


def _is_local(word: str) -> bool:
    known = network(word)
    return word == "localhost" or (known is not None and known.is_loopback)


# -- the order -----------------------------------------------------------------------------------------


def hides(subject: Subject, first: HbaRuleSpec, later: HbaRuleSpec) -> bool:
    """Whether all that the later rule matches is matched by the first."""
    return covers(first, later) and all(_covers_user(subject, first, user) for user in later.user)


def covers(first: HbaRuleSpec, later: HbaRuleSpec) -> bool:
    """The same, whoever comes."""
    types = first.type == later.type or later.type in _TYPES.get(first.type, ())
    return types and _covers_databases(first, later) and _covers_address(first, later)


def _covers_databases(first: HbaRuleSpec, later: HbaRuleSpec) -> bool:
    """`all` is not replication, which is no database."""
    every = "all" in first.database
    return all(word in first.database or (every and word != "replication") for word in later.database)


def _covers_address(first: HbaRuleSpec, later: HbaRuleSpec) -> bool:
    if first.address in ("all", later.address):
        return True
    one, other = network(first.address or ""), network(later.address or "")
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return other.subnet_of(one)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and other.subnet_of(one)


def _covers_user(subject: Subject, rule: HbaRuleSpec, user: str) -> bool:
    if user in rule.user or "all" in rule.user:
        return True
    return user in subject.roles and matches(subject, rule, user)


def matches(subject: Subject, rule: HbaRuleSpec, role: str) -> bool:
    """Whether the rule speaks of this role: by name, by `+group`, by `/expression` (from 16)."""
    known = groups(subject, role)
    for word in rule.user:
        if word in ("all", role) or (word.startswith("+") and word[1:] in known):
            return True
        if word.startswith("/") and subject.spec.postgres >= 16 and _searches(word[1:], role):
            return True
    return False


def _searches(expression: str, role: str) -> bool:
    try:
        return re.search(expression, role) is not None
    except re.error:
        return False


def ways(subject: Subject, role: str) -> Iterator[tuple[int, HbaRuleSpec]]:
    """The rules by which a role comes in, and their index."""
    body = subject.roles[role]
    met: list[HbaRuleSpec] = []
    for index, rule in enumerate(subject.spec.hba or ()):
        if not matches(subject, rule, role):
            continue
        hidden = any(covers(earlier, rule) for earlier in met)
        met.append(rule)
        useless = set(rule.database) == {"replication"} and not (body.replication or body.superuser)
        if not hidden and not useless and rule.method != "reject":
            yield index, rule


def addressed(rules: Iterable[HbaRuleSpec] | None) -> Iterator[tuple[int, str, HbaRuleSpec]]:
    """Rules with their index and the address that checks have, too."""
    for index, rule in enumerate(rules or ()):
        yield index, f"hba[{rule.match.text}]", rule
