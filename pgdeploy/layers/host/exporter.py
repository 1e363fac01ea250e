"""postgres_exporter: what Prometheus asks. It runs under systemd, or in a container where the spec says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.core.remedy import Remedy
from pgdeploy.layers.host import answer, socket
from pgdeploy.layers.host.exporter_container import says_why
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.model.host.exporter import ExporterSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exporter(HostResource):
    """What it says of itself where Prometheus would ask."""

    kind: ClassVar[str] = "exporter"
    declared: DeclaredHost
    spec: ExporterSpec

    def checks(self) -> Iterator[Check]:
        address, keys = f"exporter[{quoted_name(self.spec.role)}]", ("host", "exporter")
        yield Check(self, address, "metrics", (*keys, "listen"), self._metrics)
        yield Check(self, address, "pg_up", (*keys, "role"), self._up)
        yield Check(self, address, "scrape_error", keys, self._error)

    def parents(self, check: Check) -> Iterator[Check]:
        known = {each.field: each for each in self.checks()}
        if check.field == "metrics":
            port = socket.exporter(self.declared)
            yield from port.checks() if port is not None else ()
        else:
            yield known["metrics"]
            yield answer.answers(self.declared)
        if check.field == "scrape_error":
            yield known["pg_up"]

    def _metrics(self, facts: Facts) -> Outcome:
        known = section(facts, "exporter")
        actual = f"HTTP {known['status']}" if known["status"] is not None else known["why"]
        return same("HTTP 200", actual, origin=f"http://{self.spec.reach}/metrics", remedy=self._remedy)

    def _up(self, facts: Facts) -> Outcome:
        actual = section(facts, "exporter")["pg_up"]
        return same("1", "not said" if actual is None else f"{actual:g}", remedy=self._remedy)

    def _error(self, facts: Facts) -> Outcome:
        actual = section(facts, "exporter")["scrape_error"]
        return same("0", "not said" if actual is None else f"{actual:g}", remedy=self._remedy)

    @property
    def _remedy(self) -> Remedy:
        return says_why(self.declared, self.spec)


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.exporter is not None:
        yield Exporter(declared, declared.host.exporter)
