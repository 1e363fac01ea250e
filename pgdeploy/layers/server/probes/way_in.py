"""Who decides on our logins: the rule of pg_hba.conf that the server has loaded, for the way by which we come.

It is known before a password is shown, so none is ever shown to a directory: LDAP, PAM, RADIUS and their like lock an
account after some failed logins, and their passwords are not the one that PostgreSQL stores.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.layers.server.authfile import changed_since
from pgdeploy.layers.server.hbafile import HBA_CONF, rules
from pgdeploy.layers.server.login.session import session
from pgdeploy.layers.server.membership import memberships
from pgdeploy.layers.server.probes.admission import Login, all_groups, methods, other_ways
from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.model.hbarule import Match
from pgdeploy.text.counted import counted
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts

PASSWORD = frozenset({"scram-sha-256", "md5", "password"})
"""Methods by which PostgreSQL itself compares a password with the one that it stores."""

ELSEWHERE = frozenset({"ldap", "pam", "radius", "bsd", "gss", "sspi", "oauth"})
"""Methods by which somebody else decides, who may lock the account."""

TRUST = "trust"


@dataclass(frozen=True, slots=True)
class Way:
    """How our connections come in: the address that the server sees (None: its socket), and whether by TLS."""

    client: str | None
    tls: bool


def way(facts: Facts) -> Way:
    """How we come in, as the server sees it."""
    with session(facts) as connection:
        return Way(*connection.execute(sql("way_in")).fetchone())  # type: ignore[misc]


def method(facts: Facts, role: str, database: str, here: Way | None = None) -> str:
    """The method by which the server decides on a login of ours, or on one by another way.

    Raises:
        Inapplicable: nothing may be tried, because that is not known, or because somebody else decides.
    """
    here = here or facts.once(way)
    groups = all_groups(facts.once(_direct), role)
    # libpq tries again in plain text where TLS is refused
    ways = (True, False) if here.tls else (False,)
    loaded = facts.once(loaded_rules)
    found = [methods(loaded, Login(role, database, here.client, tls), groups) for tls in ways]
    possible = {one for each in found for one in each}
    if directories := sorted(possible & ELSEWHERE):
        raise Inapplicable(
            f"pg_hba.conf sends {quoted_name(role)} to {' or '.join(directories)} here: "
            "no password is tried, as accounts lock"
        )
    if len(found[0]) > 1:
        raise Inapplicable(
            f"only the server knows which rule of pg_hba.conf decides on {quoted_name(role)} here, "
            "so no password is tried"
        )
    return found[0][0]


def untried(facts: Facts, role: str, database: str, tried: Sequence[Way] = ()) -> str:
    """By which rules else the role may come in than by our way and those tried; empty where there are none.

    Raises:
        Inapplicable: the rules are not known.
    """
    logins = [Login(role, database, one.client, one.tls) for one in (facts.once(way), *tried)]
    rules = other_ways(facts.once(loaded_rules), logins, all_groups(facts.once(_direct), role))
    if not rules:
        return ""
    count = f"{counted(len(rules), 'rule')} of pg_hba.conf"
    return f"not tried, as we come by another way: {count} for {quoted_name(role)}: {listing(rules)}"


def loaded_rules(facts: Facts) -> Sequence[tuple[Match, str]]:
    """The rules that are in effect.

    Raises:
        Inapplicable: we may not read them, or they are not those of the file.
    """
    try:
        known = facts.once(rules)
        changed = changed_since(facts, HBA_CONF)
    except Unreadable as error:
        raise Inapplicable(
            f"no password is tried, as it might lock an account: who decides on a login is not known: {error}"
        ) from None
    if changed or any(rule.error for rule in known):
        raise Inapplicable(
            "no password is tried: pg_hba.conf is not what the server has loaded, so who decides is not known"
        )
    return [(rule.match, rule.auth.meaning(rule.match.type)[0]) for rule in known]


def _direct(facts: Facts) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for row in memberships(facts):
        found[row.member].append(row.role)
    return found
