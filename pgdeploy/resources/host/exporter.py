"""postgres_exporter: what Prometheus asks. It runs under systemd, or in a container where the spec says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.check import Check, Outcome, Resource
from pgdeploy.model.host.exporter import ExporterSpec
from pgdeploy.naming import name
from pgdeploy.resources.host.resource import HostResource, same, section

if TYPE_CHECKING:
    from pgdeploy.facts import Facts
    from pgdeploy.resources.host.declared import DeclaredHost


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exporter(HostResource):
    """What it says of itself where Prometheus would ask; and of its container, where it has one."""

    kind: ClassVar[str] = "exporter"
    declared: DeclaredHost
    spec: ExporterSpec

    def checks(self) -> Iterator[Check]:
        address, keys = f"exporter[{name(self.spec.role)}]", ("host", "exporter")
        if self.spec.run == "compose":
            yield Check(self, address, "container", (*keys, "run"), self._container)
            yield Check(self, address, "image", (*keys, "image"), self._image)
            yield Check(self, address, "restart", (*keys, "run"), self._restart)
        yield Check(self, address, "metrics", (*keys, "listen"), self._metrics)
        yield Check(self, address, "pg_up", (*keys, "role"), self._up)
        yield Check(self, address, "scrape_error", keys, self._error)

    def parents(self, check: Check) -> Iterator[Check]:
        from pgdeploy.resources.host import answer, socket

        known = {each.field: each for each in self.checks()}
        if check.field in ("image", "restart"):
            yield known["container"]
        elif check.field == "metrics":
            port = socket.exporter(self.declared)
            yield from port.checks() if port is not None else ()
        elif check.field != "container":
            yield known["metrics"]
            yield answer.answers(self.declared)
        if check.field == "scrape_error":
            yield known["pg_up"]

    def _container(self, facts: Facts) -> Outcome:
        known = section(facts, "container")
        actual = "absent" if known is None else known["state"]
        return same("running", actual, stuck=self._stuck)

    def _image(self, facts: Facts) -> Outcome:
        return same(str(self.spec.image), section(facts, "container")["image"], stuck=self.declared.deploy)

    def _restart(self, facts: Facts) -> Outcome:
        return same(RESTART, section(facts, "container")["restart"], stuck=self.declared.deploy)

    def _metrics(self, facts: Facts) -> Outcome:
        known = section(facts, "exporter")
        actual = f"HTTP {known['status']}" if known["status"] is not None else known["why"]
        return same("HTTP 200", actual, origin=f"http://{self.spec.reach}/metrics", stuck=self._stuck)

    def _up(self, facts: Facts) -> Outcome:
        actual = section(facts, "exporter")["pg_up"]
        return same("1", "not said" if actual is None else f"{actual:g}", stuck=self._stuck)

    def _error(self, facts: Facts) -> Outcome:
        actual = section(facts, "exporter")["scrape_error"]
        return same("0", "not said" if actual is None else f"{actual:g}", stuck=self._stuck)

    @property
    def _stuck(self) -> str:
        compose = self.spec.run == "compose"
        log = f"docker logs {CONTAINER}" if compose else f"journalctl -u {PACKAGE}"
        return f"{log} says why; {self.declared.deploy}"


PACKAGE = "prometheus-postgres-exporter"
"""Debian's, whose unit has its name."""

CONTAINER = "postgres_exporter"
"""Its name, and its compose project's, wherever the folder is."""

RESTART = "unless-stopped"
"""Docker's word for: at boot, and after every failure, but not after somebody stopped it."""


def container(declared: DeclaredHost) -> Check | None:
    """Whether its container runs; None where it has none."""
    spec = declared.host.exporter
    if spec is None or spec.run != "compose":
        return None
    return next(Exporter(declared, spec).checks())


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.exporter is not None:
        yield Exporter(declared, declared.host.exporter)
