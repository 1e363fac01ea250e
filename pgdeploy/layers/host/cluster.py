"""The cluster on its host: what initdb decides for good, and what its data directory stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.host import answer, path, service
from pgdeploy.layers.host.locale import spelled
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.layers.server.database import databases
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost


# -- checks --------------------------------------------------------------------------------------------

TEMPLATE = "template0"
"""What initdb made, which nobody changes."""


@dataclass(frozen=True, slots=True)
class Cluster(HostResource):
    """What initdb decided, and that the running server is on this cluster."""

    kind: ClassVar[str] = "cluster"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        layout, keys = self.declared.layout, ("host", "cluster")
        address = f"cluster[{layout.major}-{layout.cluster}]"
        yield Check(self, address, "data_directory", ("settings", "data_directory"), self._data_directory)
        yield Check(self, address, "checksums", (*keys, "checksums"), self._checksums)
        yield Check(self, address, "encoding", (*keys, "encoding"), self._encoding)
        yield Check(self, address, "locale", (*keys, "locale"), self._locale)

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field == "data_directory":
            yield service.active(self.declared)
        elif check.field == "checksums":
            yield path.data_directory(self.declared)
        else:
            yield answer.answers(self.declared)

    def _data_directory(self, facts: Facts) -> Outcome:
        known = section(facts, "postmaster")
        actual = str(known["data_directory"]) if known else "no running server"
        remedy = "the cluster is somewhere else: move it, or let the spec say where it is"
        return same(self.declared.layout.data_directory, actual, remedy=remedy)

    def _checksums(self, facts: Facts) -> Outcome:
        known = section(facts, "control")
        desired = "on" if self.declared.host.cluster.checksums else "off"
        actual = "no cluster" if known is None else "on" if known["checksums"] else "off"
        flag = "--enable" if desired == "on" else "--disable"
        program = f"{self.declared.layout.binaries}/pg_checksums {flag}"
        return same(
            desired, actual, remedy=f"stop the server and run {program} as postgres; it reads every page"
        )

    def _encoding(self, facts: Facts) -> Outcome:
        actual = facts.once(databases)[TEMPLATE].encoding
        desired = self.declared.host.cluster.encoding
        fits = actual.lower().replace("-", "") == desired.lower().replace("-", "")
        return Outcome(fits, desired, actual, remedy=_FOR_GOOD)

    def _locale(self, facts: Facts) -> Outcome:
        row, desired = facts.once(databases)[TEMPLATE], self.declared.host.cluster.locale
        actual = {text for text in (row.lc_collate, row.lc_ctype) if text is not None}
        fits = {spelled(text) for text in actual} == {spelled(desired)}
        return Outcome(fits, desired, listing(actual), remedy=_FOR_GOOD)


_FOR_GOOD = "initdb decided it for good: make the cluster anew, or let the spec say what it is"


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield Cluster(declared)
