"""PGD40x: from where one may come, and the order of the rules of pg_hba.conf."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.layers.server import ident
from pgdeploy.lint.hba_match import (
    Earlier,
    addressed,
    from_network,
    hides,
    is_everywhere,
    listening,
    listens_beyond,
    listens_everywhere,
    ways,
)
from pgdeploy.lint.people import superusers
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.model.hba import HbaRuleSpec
from pgdeploy.model.hbarule import KEYWORDS, Meaning
from pgdeploy.model.inheritance import TEMPLATES
from pgdeploy.postgres import pg_hba
from pgdeploy.spec.place import Keys
from pgdeploy.spec.suggest import alike
from pgdeploy.text.naming import quoted_name
from pgdeploy.text.problem import near_misses

_HBA = documentation("The pg_hba.conf File", "auth-pg-hba-conf")
_MOST_COMPARED = 20
"""So many names are compared with every name of the spec: of more, nobody reads what each was meant to be."""
_CIS = 'CIS PostgreSQL Benchmark, "Ensure login via "host" TCP/IP Socket is configured correctly"'


@rule(
    "PGD401",
    Severity.WARNING,
    "the server listens on every address, and the spec does not say who may come",
    f"{documentation('Connections and Authentication', 'runtime-config-connection')}; "
    "Database Deployment 1.0, section 3.3",
)
def open_listener(subject: Subject) -> Iterator[Hit]:
    """listen_addresses '*' (or 0.0.0.0, ::) opens the port on every interface that the host has or will
    ever have, a second network or a VPN among them. Then pg_hba.conf alone decides who may come, and this
    spec does not say what stands in it, so nothing proves that anything narrows it; on the other hand the
    file that packages bring lets in nobody from outside, and the server is then of no use to its network.
    Write the addresses that the server serves, and an `hba:` section with a rule for each network."""
    if listens_everywhere(subject) and subject.spec.hba is None:
        read = ", ".join(listening(subject))
        message = f"{read} listens on every address, and no `hba:` narrows it; write the networks that may come there"
        yield Hit("setting[listen_addresses]", subject.keys("listen_addresses"), message)


@rule("PGD402", Severity.WARNING, "a rule lets every address in", f"{_HBA}; {_CIS}")
def open_rule(subject: Subject) -> Iterator[Hit]:
    """A rule for `all`, 0.0.0.0/0 or ::/0 lets anybody try who can reach the port: passwords can be
    guessed without end, and a leaked one works from anywhere. A firewall in front is a second door and no
    reason to leave the first one open. Write one rule for each network that has clients, as narrow as it
    goes. Rules that reject are right for all addresses, and a server that listens on loopback only is not
    spoken of."""
    for index, address, entry in addressed(subject):
        if is_everywhere(entry) and listens_beyond(subject):
            message = (
                f"{entry.method} for any address; write the networks that have clients, such as 10.0.0.0/24"
            )
            yield Hit(address, ("hba", index), message)


@rule("PGD403", Severity.WARNING, "a rule that never counts: an earlier one matches all it matches", _HBA)
def hidden_rule(subject: Subject) -> Iterator[Hit]:
    """The first rule of pg_hba.conf that fits a connection's type, database, user and address decides,
    and no later one is asked, not even when authentication fails. A rule behind a broader one is dead
    text: at best superfluous, at worst the reject or the stricter method that somebody relies on. Put the
    narrow rule first, or take it away. A rule that stands twice is such a rule, too, in whatever spelling.
    Only one earlier rule at a time is looked at, and `all` does not match replication."""
    earlier, rules = Earlier(), dict(subject.spec.hba_rules)
    same: dict[Meaning, int] = {}
    for index, address, entry in addressed(subject):
        hiding = [at for at, rule in earlier.alike(entry) if hides(subject, rule, entry)]
        twice = same.setdefault(entry.match.meaning, index)
        first = min(hiding if twice == index else [*hiding, twice], default=None)
        earlier.add(index, entry)
        if first is not None:
            message = f"{_first(rules[first], entry)}; move this one before it, or leave it out"
            yield Hit(address, ("hba", index), message)


def _first(earlier: HbaRuleSpec, later: HbaRuleSpec) -> str:
    text = f"an earlier rule ({earlier.match.text} {earlier.method}) matches all of it first"
    if (earlier.method, earlier.options) == (later.method, later.options):
        return text
    return f"{text}, so {earlier.method} holds and {later.method} never does"


@rule("PGD404", Severity.ERROR, "a superuser can log in from the network", f"{_HBA}; {_CIS}")
def remote_superuser(subject: Subject) -> Iterator[Hit]:
    """A superuser passes every check, reads and writes the files of the server and runs programs as its
    user. Such a role should come by the local socket only, with peer, where the operating system says who
    it is; from the network it is the first name that is tried. The rules are followed in their order, so
    a reject for it before the rule of its network is enough: `{type: host, database: all, user: postgres,
    address: all, method: reject}`. A role that is a member of a superuser can become it by SET ROLE, so
    it counts as one. Administrators can log in as themselves, and be given what they need."""
    if not listens_beyond(subject):
        return
    for role, powerful in superusers(subject):
        found = next((way for way in ways(subject, role) if from_network(way[1])), None)
        if found is not None:
            index, way = found
            who = "is superuser" if role == powerful else f"can become {quoted_name(powerful)}, a superuser,"
            message = (
                f"{who} and comes in by {way.match.text} {way.method}; reject it in a rule before that one"
            )
            yield Hit(f"role[{quoted_name(role)}]", ("hba", index), message)


@rule(
    "PGD405",
    Severity.NOTE,
    "a rule or a user name map names a role or database that the spec does not declare",
    _HBA,
)
def unknown_name(subject: Subject) -> Iterator[Hit]:
    """pg_hba.conf takes any name, also one that does not exist: a rule with a slip in it matches nobody,
    in silence, and a reject with a slip rejects nobody. So does pg_ident.conf. Names are compared as they
    are, upper and lower case too. A role or database that really is there and is nobody's business here can
    stay; say so in a waiver. A name with + before it is a group, one with / before it an expression (from
    16), and neither of the words all, sameuser, samerole and replication is a name."""
    databases = {*subject.spec.databases, *TEMPLATES, "postgres", *KEYWORDS}
    roles, compared = {*subject.roles, "all", "postgres"}, 0
    for address, keys, kind, word in _named(subject):
        plain, known = pg_hba.bare(word), roles if kind == "role" else databases
        if plain in known or word.startswith("/") or plain.startswith("pg_"):
            continue
        compared += 1
        near = near_misses(plain, alike(plain, known), 1) if compared <= _MOST_COMPARED else []
        hint = f"did you mean {quoted_name(near[0])}?" if near else f"declare it under {kind}s:"
        yield Hit(address, keys, f"{kind} {quoted_name(plain)} is not declared; {hint}")


def _named(subject: Subject) -> Iterator[tuple[str, Keys, str, str]]:
    """Every word for a role or database, of rules and of user name maps: address, place, kind and word."""
    for index, address, entry in addressed(subject):
        for kind, words in (("role", entry.user), ("database", entry.database)):
            yield from ((address, ("hba", index), kind, word) for word in words)
    for index, line in enumerate(subject.spec.ident or ()):
        # what a regular expression matched is no name yet
        if r"\1" not in line.role:
            yield ident.address(line), ("ident", index), "role", line.role


RULES = (open_listener, open_rule, hidden_rule, remote_superuser, unknown_name)
