"""PGD42x: what goes over the network in clear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.layers import layer_of
from pgdeploy.lint.hba_match import addressed, from_network, listens_beyond
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.model.service import PostgresService
from pgdeploy.secret import conninfo

if TYPE_CHECKING:
    from pgdeploy.model.hba import HbaRuleSpec

_CIS = 'CIS PostgreSQL Benchmark, "Ensure TLS is enabled and configured correctly"'
_SERVER = documentation("Secure TCP/IP Connections with SSL", "ssl-tcp")
_HBA = documentation("The pg_hba.conf File", "auth-pg-hba-conf")
_CLIENT = documentation("libpq SSL Support", "libpq-ssl")

_MAY_BE_CLEAR = ("host", "hostnossl", "hostnogssenc")
_MAY_BE_TLS = ("host", "hostssl", "hostnogssenc")


@rule("PGD421", Severity.WARNING, "ssl is off, and rules let the network in", f"{_SERVER}; {_CIS}")
def no_tls(subject: Subject) -> Iterator[Hit]:
    """Without TLS everything but the password goes over the network in clear: queries, their results, and
    the SQL of administrators. Nor does the client know that it speaks to the right server. Rules of type
    hostssl never match on such a server, so whoever they were meant for is locked out or falls through to
    a weaker rule. PostgreSQL's own default is off; Debian's package writes on into its postgresql.conf,
    so a server gets it there and loses it as soon as that file is replaced, as the source document does.
    Write `ssl: on`, with ssl_cert_file and ssl_key_file of your own."""
    if subject.value("ssl") is not False or _by_service(subject) or not listens_beyond(subject):
        return
    rules = [
        entry for _, entry in subject.spec.hba_rules if entry.type in _MAY_BE_TLS and from_network(entry)
    ]
    if rules:
        said = "off" if subject.written("ssl") else "not written, and off by default"
        message = f"ssl is {said}: {_harm(rules)}; write `ssl: on` with a certificate"
        yield Hit("setting[ssl]", subject.keys("ssl"), message)


def _by_service(subject: Subject) -> bool:
    """Whether the container that the server is in is started with a certificate."""
    section = layer_of("service").of(subject.spec)
    known = section.containers.values() if section is not None else ()
    return any(one.tls is not None for one in known if isinstance(one, PostgresService))


def _harm(rules: Sequence[HbaRuleSpec]) -> str:
    for entry in rules:
        if entry.type == "hostssl":
            return f"{entry.match.text} can never match"
    return f"{rules[0].match.text} is served in clear"


@rule("PGD422", Severity.WARNING, "a rule for a network does not demand TLS", f"{_HBA}; {_CIS}")
def clear_rule(subject: Subject) -> Iterator[Hit]:
    """A rule of type host matches with TLS and without, and the client chooses: libpq's default,
    sslmode=prefer, goes on in clear when TLS does not come about, also when somebody in between sees to
    that. hostssl makes the server demand it, so a client that was set up wrongly fails at once and not
    silently. Write hostssl, once the server has `ssl: on`; hostgssenc does the same with Kerberos. Rules
    for loopback and rules that reject are not spoken of."""
    for index, address, entry in addressed(subject):
        if entry.type in _MAY_BE_CLEAR and from_network(entry) and listens_beyond(subject):
            message = f"{entry.type} also takes connections in clear from {entry.address}; write hostssl"
            yield Hit(address, ("hba", index, "type"), message)


@rule(
    "PGD423",
    Severity.WARNING,
    "pgdeploy's own connection is in clear",
    f"{_CLIENT}; Database Deployment 1.0, section 3.3 (sslmode=disable of the exporter)",
)
def clear_connection(subject: Subject) -> Iterator[Hit]:
    """sslmode=disable never asks for TLS and sslmode=allow asks for it only when the server refuses
    without. This connection belongs to an administrator: the grants and the settings it sends can be
    read and changed on their way. Write sslmode=verify-full with sslrootcert, which also proves that
    it is the right server; require is the least. For a socket or loopback it does not matter, and is
    not spoken of."""
    dsn = subject.spec.connect.dsn if subject.spec.connect else None
    if dsn is None:
        return
    options = conninfo.options(dsn)
    if options.get("sslmode") in ("disable", "allow") and not _is_local(options):
        message = f"sslmode={options['sslmode']}; write sslmode=verify-full, or require at least"
        yield Hit("connect[dsn]", ("connect", "dsn"), message)


def _is_local(options: Mapping[str, Any]) -> bool:
    """Every host of the list is a socket or loopback."""
    hosts = str(options.get("hostaddr") or options.get("host") or "").split(",")
    return all(
        not host or host.startswith(("/", "@", "127.")) or host in ("localhost", "::1") for host in hosts
    )


RULES = (no_tls, clear_rule, clear_connection)
