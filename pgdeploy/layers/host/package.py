"""Packages: where PostgreSQL comes from, its version, and what keeps it from changing by surprise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.host.resource import HostResource, entry, section
from pgdeploy.model.host.package import MirrorSpec
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Package(HostResource):
    """One package. Of PostgreSQL's own server package also the version, where it came from, and the hold."""

    kind: ClassVar[str] = "package"
    declared: DeclaredHost
    package: str
    keys: Keys

    def checks(self) -> Iterator[Check]:
        address = f"package[{quoted_name(self.package, dotted=True)}]"
        yield Check(self, address, "installed", self.keys, self._installed)
        if self.package != self.declared.layout.packages[0]:
            return
        where: Keys = ("host", "packages")
        yield Check(self, address, "version", (*where, "version"), self._version)
        yield Check(self, address, "origin", (*where, "source"), self._origin)
        if self.declared.host.packages.hold:
            yield Check(self, address, "hold", (*where, "hold"), self._hold)

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field != "installed":
            yield next(self.checks())

    def _fact(self, facts: Facts) -> Any:
        return entry(facts, "packages", self.package)

    def _installed(self, facts: Facts) -> Outcome:
        known = self._fact(facts)
        actual = "not installed" if known is None else known["status"]
        return same("installed", actual, remedy=self.declared.remedy())

    def _version(self, facts: Facts) -> Outcome:
        actual, wanted = self._fact(facts)["version"], self.declared.host.packages.version
        desired = wanted or f"{self.declared.layout.major}.*"
        fits = actual == desired or (desired.endswith("*") and actual.startswith(desired[:-1]))
        return Outcome(fits, desired, actual, remedy=self.declared.remedy())

    def _hold(self, facts: Facts) -> Outcome:
        actual = "held" if self._fact(facts)["held"] else "not held"
        return same("held", actual, remedy=self.declared.remedy())

    def _origin(self, facts: Facts) -> Outcome:
        source = self.declared.host.packages.source
        desired = source.uri if isinstance(source, MirrorSpec) else source
        actual = section(facts, "origins").get(self.package, [])
        if not actual:
            raise Inapplicable("no apt source has this version any more, so where it came from is not known")
        remedy = f"install {self.package} from {desired}; apt says where it came from: apt-cache policy"
        return Outcome(any(map(self._fits, actual)), desired, listing(actual), remedy=remedy)

    def _fits(self, origin: str) -> bool:
        source = self.declared.host.packages.source
        if isinstance(source, MirrorSpec):
            return origin.startswith(source.uri.rstrip("/"))
        pgdg = "apt.postgresql.org" in origin
        return pgdg if source == "pgdg" else not pgdg


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    extra = declared.host.packages.extra
    for package in declared.layout.packages:
        yield Package(declared, package, _keys(package, extra))


def _keys(package: str, extra: tuple[str, ...]) -> Keys:
    if package in extra:
        return ("host", "packages", "extra", extra.index(package))
    known = {"nftables": "firewall", "chrony": "time_sync", "systemd-timesyncd": "time_sync"}
    if package.startswith("postgresql-"):
        return ("postgres",)
    return ("host", known.get(package, "exporter"))


def installed(declared: DeclaredHost, package: str) -> Iterator[Check]:
    """The check that a package is there; none for one that the spec does not ask for."""
    if package in declared.layout.packages:
        yield next(Package(declared, package, ()).checks())
