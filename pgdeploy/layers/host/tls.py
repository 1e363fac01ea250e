"""TLS: the certificate and key that the server shows, and what a handshake with it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, same, within
from pgdeploy.core.remedy import Remedy
from pgdeploy.layers.host import answer, path, socket
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.layers.server.safeguard import PROTOCOL
from pgdeploy.layers.server.setting import Setting
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.host.tls import TlsSpec
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tls(HostResource):
    """A handshake with the running server, and the certificate that it shows."""

    kind: ClassVar[str] = "tls"
    declared: DeclaredHost
    spec: TlsSpec

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "tls")
        yield Check(self, "tls[handshake]", "version", (*keys, "minimum"), self._version)
        yield Check(self, "tls[handshake]", "older", (*keys, "minimum"), self._older)
        if self.spec.names:
            yield Check(self, "tls[certificate]", "names", (*keys, "names"), self._names)
        yield Check(self, "tls[certificate]", "expires", (*keys, "expires_after"), self._expires)
        yield Check(self, "tls[certificate]", "served", (*keys, "certificate"), self._served)
        yield Check(self, "tls[certificate]", "key", (*keys, "key"), self._key)
        for setting in self._settings:
            yield Check(self, "tls[settings]", setting, (*keys, "minimum"), self._comparing(setting))

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        listens = self.declared.layout.listen_addresses
        return None if listens else "the spec lets PostgreSQL listen on no address"

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field == "version":
            yield from socket.postgres(self.declared).checks()
        elif check.field == "key":
            yield from path.pair(self.declared)
        elif check.address == "tls[settings]":
            yield answer.answers(self.declared)
        else:
            yield next(self.checks())
        if check.field == "served":
            yield path.certificate(self.declared)

    def _version(self, facts: Facts) -> Outcome:
        known, minimum = section(facts, "tls"), self.spec.minimum
        actual = known["version"] or known["why"]
        # their names sort by age
        fits = known["version"] is not None and known["version"] >= minimum
        return Outcome(fits, f"at least {minimum}", actual, remedy=self.declared.remedy())

    def _older(self, facts: Facts) -> Outcome:
        older = section(facts, "tls")["older"]
        desired = f"refused below {self.spec.minimum}"
        return same(desired, desired if older is None else f"{older} is taken", remedy=self.declared.remedy())

    def _names(self, facts: Facts) -> Outcome:
        actual = {_spelled(text) for text in section(facts, "tls")["names"]}
        fits = {_spelled(text) for text in self.spec.names} <= actual
        return Outcome(fits, listing(self.spec.names), listing(actual), remedy=self._renew)

    def _expires(self, facts: Facts) -> Outcome:
        end, now = section(facts, "tls")["expires"], section(facts, "os")["now"]
        desired = f"valid for {self.spec.expires_after} still"
        actual = f"valid until {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M} UTC"
        left = Measured(end - now, "s", at_least=seconds_of(self.spec.expires_after))
        return within(left, desired, actual, origin=self.declared.layout.certificate, remedy=self._renew)

    def _served(self, facts: Facts) -> Outcome:
        known = section(facts, "tls")
        desired = f"the certificate of {self.declared.layout.certificate}"
        actual = desired if known["fingerprint"] == known["file"] else "another certificate"
        return same(
            desired, actual, remedy=self.declared.remedy("the file changed after the server read it; ")
        )

    def _key(self, facts: Facts) -> Outcome:
        """The running server has both in memory; its next start is what fails."""
        desired = "the private key is the certificate's"
        actual = desired if section(facts, "pair") else "the key of another certificate; no restart works"
        return same(desired, actual, origin=self.declared.layout.key, remedy=self.declared.remedy())

    @property
    def _settings(self) -> tuple[str, ...]:
        """Those that this section asks for, and that have no check of their own: see `safeguard.py`, too."""
        elsewhere = {PROTOCOL, *(name.lower() for name in self.declared.spec.settings)}
        return tuple(name for name in self.declared.layout.tls_settings if name not in elsewhere)

    def _comparing(self, setting: str) -> Callable[[Facts], Outcome]:
        def compare(facts: Facts) -> Outcome:
            desired = self.declared.layout.tls_settings[setting]
            (check,) = Setting(setting, desired, ("host", "tls")).checks()
            return replace(check.compare(facts), remedy=self.declared.remedy())

        return compare

    @property
    def _renew(self) -> Remedy:
        what = "" if self.spec.self_signed else f"put a new certificate into {self.spec.certificate}; then "
        return self.declared.remedy(what)


def _spelled(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name.lower()


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.tls is not None:
        yield Tls(declared, declared.host.tls)
