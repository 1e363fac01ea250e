"""The ways in: which rules of pg_hba.conf a role meets, given that the first one that matches wins.

A rule is hidden by one earlier rule that matches all it matches. What several earlier rules match
together is not worked out, so a way may be named that is closed by two rules side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import product

from pgdeploy.lint.people import members
from pgdeploy.lint.subject import Subject
from pgdeploy.model.hba import HbaRuleSpec
from pgdeploy.model.hbarule import USER_KEYWORDS, addresses
from pgdeploy.postgres import pg_hba

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
    role = pg_hba.bare(user)
    return not user.startswith("+") and role in subject.roles and matches(subject, rule, role)


def matches(subject: Subject, rule: HbaRuleSpec, role: str) -> bool:
    """Whether the rule speaks of this role: by name, by `+group`, by `/expression` (from 16)."""
    return not subject.once(_words_of, role).isdisjoint(rule.user)


_SLOW = re.compile(r"[*+?{].*[*+?{].*[*+?{]|\)[*+?{]|\(\?|\\[0-9]", re.DOTALL)
"""Expressions that Python can search for ever: a spec that comes from somebody else must not make it do so."""


def _searches(expression: str, role: str) -> bool:
    """Whether an expression matches; one that is not simple is taken for one that does not."""
    try:
        return not _SLOW.search(expression) and re.search(expression, role) is not None
    except (re.error, OverflowError, RecursionError):
        return False


def ways(subject: Subject, role: str) -> Iterator[tuple[int, HbaRuleSpec]]:
    """The rules by which a role comes in, and their index."""
    body = subject.roles[role]
    may_replicate = bool(body.replication or body.superuser)
    for index, rule in subject.once(_unhidden, subject.once(_words_of, role)):
        useless = set(rule.database) == {"replication"} and not may_replicate
        if not useless and rule.method != "reject":
            yield index, rule


def _rules_by_word(subject: Subject) -> Mapping[str, Sequence[int]]:
    """The rules that each word for users stands in."""
    found: dict[str, list[int]] = {}
    for index, rule in subject.spec.hba_rules:
        for word in rule.user:
            found.setdefault(word, []).append(index)
    return found


def _expressions(subject: Subject) -> Sequence[str]:
    """The words for users that are regular expressions, from PostgreSQL 16."""
    words = subject.once(_rules_by_word)
    return [word for word in words if word.startswith("/")] if subject.spec.postgres >= 16 else []


def _words_of(subject: Subject, role: str) -> frozenset[str]:
    """The words of rules that speak of this role: it shares its ways in with all that have the same."""
    by_word = subject.once(_rules_by_word)
    found = [word for word in subject.once(_expressions) if _searches(word[1:], role)]
    found += [word for word in ("all", pg_hba.word(role, USER_KEYWORDS)) if word in by_word]
    return frozenset([*found, *subject.once(_words_of_groups).get(role, ())])


def _words_of_groups(subject: Subject) -> Mapping[str, Sequence[str]]:
    """The `+group` words of rules, by the roles that they speak of."""
    found: dict[str, list[str]] = {}
    for word in subject.once(_rules_by_word):
        if word.startswith("+"):
            for role in members(subject, [word[1:]]):
                found.setdefault(role, []).append(word)
    return found


def _unhidden(subject: Subject, words: frozenset[str]) -> Sequence[tuple[int, HbaRuleSpec]]:
    """The rules with one of these words that no earlier one of them covers."""
    by_word, rules = subject.once(_rules_by_word), dict(subject.spec.hba_rules)
    found, earlier = [], Earlier()
    for index in sorted({index for word in words for index in by_word[word]}):
        rule = rules[index]
        if not any(covers(first, rule) for _, first in earlier.alike(rule)):
            found.append((index, rule))
            # what is covered covers nothing that the one before it does not
            earlier.add(index, rule)
    return found


class Earlier:
    """Rules so far, by type, database and address: a rule is compared with those alone that may cover it."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str, object], list[tuple[int, HbaRuleSpec]]] = {}
        self._lengths: dict[int, set[int]] = {4: set(), 6: set()}

    def add(self, index: int, rule: HbaRuleSpec) -> None:
        known = network(rule.address or "")
        if known is not None:
            self._lengths[known.version].add(known.prefixlen)
        for database in dict.fromkeys(rule.database):
            key = (rule.type, database, known or rule.address)
            self._rules.setdefault(key, []).append((index, rule))

    def alike(self, rule: HbaRuleSpec) -> Iterator[tuple[int, HbaRuleSpec]]:
        """Every rule so far that may cover this one."""
        types = [rule.type, *(kind for kind, narrower in _TYPES.items() if rule.type in narrower)]
        databases = {rule.database[0], *(() if rule.database[0] == "replication" else ("all",))}
        for key in product(types, databases, self._addresses(rule)):
            yield from self._rules.get(key, ())

    def _addresses(self, rule: HbaRuleSpec) -> Iterator[object]:
        known = network(rule.address or "")
        yield from () if rule.address == "all" else ("all",)
        if known is None:
            yield rule.address
            return
        for length in self._lengths[known.version]:
            if length <= known.prefixlen:
                yield known.supernet(new_prefix=length)


def addressed(subject: Subject) -> Iterator[tuple[int, str, HbaRuleSpec]]:
    """The rules of the spec with their place in `hba:` and the address that checks have, too."""
    given = subject.spec.hba_rules
    named = addresses([rule.match for _, rule in given])
    yield from ((index, address, rule) for (index, rule), address in zip(given, named, strict=True))
