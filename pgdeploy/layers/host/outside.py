"""Probes from the network: what this machine meets at the host's own address, beside our way in by ssh.

Whether a port answers is held against the firewall's networks and the addresses that it listens on; a login
that pg_hba.conf must refuse is tried once for each rule, and must be refused by it. No password is ever sent: where
somebody asks for one, that is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Outcome, Resource, held_up
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.layers.host import firewall, socket
from pgdeploy.layers.host.declared import DeclaredHost
from pgdeploy.layers.host.resource import section
from pgdeploy.layers.server import hba
from pgdeploy.layers.server.login.session import APPLICATION, server_of
from pgdeploy.layers.server.probes.admission import Login, Undecided, deciding, refuses
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.setting import settings
from pgdeploy.reach.libpq import isolated
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.host.firewall import Networks
    from pgdeploy.model.spec import Spec

PATIENCE = 3
"""Seconds after which a port that says nothing is filtered."""

MOST = 8
"""Logins that one probe tries at most: one for each rule that refuses."""


REQUIRE_AUTH_SINCE = 160000
"""The libpq that can be told to accept no question for a password."""


class Place(NamedTuple):
    """The host's address as we reach it, and ours as the host sees it."""

    host: str
    client: str


def place(facts: Facts) -> Place:
    """Where both ends are.

    Raises:
        Inapplicable: the host has no address of its own for us.
        Unreadable: nobody could say.
    """
    from pgdeploy.reach.outside import network_address, own_address

    facts.section("host")  # raises where there is no host
    address = network_address(server_of(facts))
    return Place(address, section(facts, "client") or own_address(address))


# -- ports ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Port(ServerResource):
    """Whether one port answers from here."""

    kind: ClassVar[str] = "firewall"
    reads: ClassVar[tuple[str, ...]] = ("host",)
    declared: DeclaredHost
    field: str
    socket: socket.Socket

    def checks(self) -> Iterator[Check]:
        keys = ("host", "firewall", self.field) if self.declared.host.firewall else self.socket.keys
        yield Check(self, "firewall[outside]", self.field, keys, self._compare, "probe")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        parents = [*self.socket.checks()]
        for resource in firewall.resources(self.declared):
            parents += [check for check in resource.checks() if check.id in self._rules]
        return next(filter(None, (held_up(parent, facts) for parent in parents)), None)

    @property
    def _rules(self) -> tuple[str, ...]:
        """The checks of the rules that this port meets."""
        return "firewall[table].loaded", "firewall[table].undeclared", f"firewall[{self.socket.port}].sources"

    def _compare(self, facts: Facts) -> Outcome:
        here = facts.once(place)
        closed = self.closed(here)
        actual = facts.once(_state, here.host, self.socket.port)
        desired = f"no answer to {here.client}: {closed}" if closed else "open"
        place_of = f"{here.host}:{self.socket.port}"
        return Outcome((actual == "open") != bool(closed), desired, actual, place_of, remedy=ELSEWHERE)

    def closed(self, here: Place) -> str:
        """Why nobody here is to get an answer; empty where one must come."""
        filtered = self.declared.host.firewall
        networks: Networks | None = getattr(filtered, self.field) if filtered is not None else None
        client = ip_address(here.client)
        if networks is not None and not any(client in ip_network(network) for network in networks):
            return "the firewall does not let it in"
        listens = [_listens(word, here.host) for word in self.socket.addresses]
        if None in listens and not any(listens):
            raise Inapplicable(f"only the host knows the addresses of {listing(self.socket.addresses)}")
        return "" if any(listens) else f"it listens on {listing(self.socket.addresses)}"


def _listens(word: str, address: str) -> bool | None:
    """Whether what listens so can be reached at the address; None for a name."""
    if word in ("*", "0.0.0.0", "::", "localhost"):  # noqa: S104 - compared, not bound
        return word == "*" or (word != "localhost" and (":" in word) == (":" in address))
    try:
        return ip_address(word) == ip_address(address)
    except ValueError:
        return None


def _state(facts: Facts, address: str, port: int) -> str:
    from pgdeploy.reach.outside import port_state

    return port_state(address, port, PATIENCE)


# -- logins --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refused(ServerResource):
    """Logins from here that no rule lets in, and those in plain text where the rules want TLS."""

    kind: ClassVar[str] = "hba"
    reads: ClassVar[tuple[str, ...]] = ("host",)
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        yield Check(self, "hba[outside]", "refused", ("hba",), self._refused, "probe")
        yield Check(self, "hba[outside]", "plain_text", ("hba",), self._plain, "probe")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        parents = [*Port(self.declared, "postgres", socket.postgres(self.declared)).checks()]
        parents += [parent for resource in hba.resources(self.declared.spec) for parent in resource.checks()]
        return next(filter(None, (held_up(parent, facts) for parent in parents)), None)

    def _refused(self, facts: Facts) -> Outcome:
        here = self._here(facts)
        return self._try(facts, here, _chosen(self.declared.spec, here.client, plain=False))

    def _plain(self, facts: Facts) -> Outcome:
        here = self._here(facts)
        return self._try(facts, here, _chosen(self.declared.spec, here.client, plain=True))

    def _here(self, facts: Facts) -> Place:
        here = facts.once(place)
        port = Port(self.declared, "postgres", socket.postgres(self.declared))
        if closed := port.closed(here):
            raise Inapplicable(f"no login from {here.client} comes as far as pg_hba.conf: {closed}")
        return here

    def _try(self, facts: Facts, here: Place, logins: list[Login]) -> Outcome:
        if not logins:
            raise Inapplicable(f"no rule of the spec refuses such a login from {here.client}")
        port = self.declared.layout.port
        ssl = facts.once(settings)["ssl"].setting == "on"
        met = {login: _meets(here.host, port, login, ssl=ssl) for login in logins}
        wrong = [f"{_text(login)}: {said}" for login, said in met.items() if said != REFUSED]
        desired = f"pg_hba.conf refuses {listing(map(_text, logins))} from {here.client}"
        actual = listing(wrong) if wrong else REFUSED
        return Outcome(not wrong, desired, actual, f"{here.host}:{port}", remedy=ELSEWHERE)


REFUSED = "refused by pg_hba.conf"
ELSEWHERE = (
    "what the host is told is right: look for other rules on it (nft list ruleset) and for what is on the way"
)


def _text(login: Login) -> str:
    how = "" if login.tls else " in plain text"
    return f"{quoted_name(login.role)} to {quoted_name(login.database)}{how}"


def _chosen(spec: Spec, client: str, *, plain: bool) -> list[Login]:
    """Logins that must be refused: with TLS and without, or (`plain`) those that TLS alone would bring further."""
    by_rule: dict[object, Login] = {}
    for login in _logins(spec, client):
        try:
            secure = deciding(spec, login)
            bare = deciding(spec, Login(login.role, login.database, client, tls=False))
        except Undecided:
            continue
        if refuses(bare) and refuses(secure) is not plain:
            chosen = Login(login.role, login.database, client, tls=not plain)
            by_rule.setdefault(secure if plain else bare, chosen)
    return list(by_rule.values())[:MOST]


def _logins(spec: Spec, client: str) -> Iterator[Login]:
    databases = [known for known, body in spec.databases.items() if not body.is_template]
    for role, body in spec.roles.items():
        if body.state == "present" and body.login is not False:
            for database in [MAINTENANCE, *databases]:
                yield Login(role, database, client, tls=True)


def _meets(address: str, port: int, login: Login, *, ssl: bool) -> str:
    """What becomes of it: in plain text, and before that with TLS where the login may have it and the server has."""
    said = _attempt(address, port, login, "require") if login.tls and ssl else REFUSED
    return said if said != REFUSED else _attempt(address, port, login, "disable")


def _attempt(address: str, port: int, login: Login, sslmode: str) -> str:
    """One attempt, which ends where it would take a password: libpq's `prefer` would forget the first of two refusals.

    Raises:
        Unreadable: the server was not reached, or libpq cannot be kept from sending a password of the environment.
    """
    import psycopg

    if psycopg.pq.version() < REQUIRE_AUTH_SINCE:
        raise Unreadable("libpq 16 or newer is needed to try a login that must not send a password")
    options: dict[str, object] = {
        "host": address,
        "port": port,
        "user": login.role,
        "dbname": login.database,
        "require_auth": "none",
        "sslmode": sslmode,
        "gssencmode": "disable",
        "connect_timeout": 2 * PATIENCE,
        "application_name": APPLICATION,
    }
    try:
        psycopg.connect(**isolated(options)).close()
    except psycopg.OperationalError as error:
        # libpq quotes the requirement in every language
        if '"none"' in str(error):
            return "asked for a password"
        # the file's name is the same in every language of the server
        if "pg_hba.conf" in str(error):
            return REFUSED
        raise Unreadable(f"{address}:{port}: {str(error).strip().splitlines()[-1]}") from None
    return "let in"


def probes(spec: Spec) -> Iterable[Resource]:
    if spec.host is None:
        return
    declared = DeclaredHost("", spec)
    yield Port(declared, "postgres", socket.postgres(declared))
    exporter = socket.exporter(declared)
    if exporter is not None:
        yield Port(declared, "exporter", exporter)
    if spec.hba is not None:
        yield Refused(declared)
