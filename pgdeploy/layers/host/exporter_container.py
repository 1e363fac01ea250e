"""The container of postgres_exporter, where the spec has it run in one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.core.remedy import Remedy
from pgdeploy.layers.host.layout import EXPORTER_PACKAGE
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.model.host.exporter import ExporterSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost

CONTAINER = "postgres_exporter"
"""Its name, and its compose project's, wherever the folder is."""

RESTART = "unless-stopped"
"""Docker's word for: at boot, and after every failure, but not after somebody stopped it."""


@dataclass(frozen=True, slots=True)
class ExporterContainer(HostResource):
    """That it runs, of which image, and comes back."""

    kind: ClassVar[str] = "exporter"
    declared: DeclaredHost
    spec: ExporterSpec

    def checks(self) -> Iterator[Check]:
        address, keys = f"exporter[{quoted_name(self.spec.role)}]", ("host", "exporter")
        yield Check(self, address, "container", (*keys, "run"), self._container)
        yield Check(self, address, "image", (*keys, "image"), self._image)
        yield Check(self, address, "restart", (*keys, "run"), self._restart)

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field != "container":
            yield next(self.checks())

    def _container(self, facts: Facts) -> Outcome:
        known = section(facts, "container")
        actual = "absent" if known is None else known["state"]
        return same("running", actual, remedy=says_why(self.declared, self.spec))

    def _image(self, facts: Facts) -> Outcome:
        return same(str(self.spec.image), section(facts, "container")["image"], remedy=self.declared.remedy())

    def _restart(self, facts: Facts) -> Outcome:
        return same(RESTART, section(facts, "container")["restart"], remedy=self.declared.remedy())


def says_why(declared: DeclaredHost, spec: ExporterSpec) -> Remedy:
    """Where to look when the exporter does not work."""
    log = f"docker logs {CONTAINER}" if spec.run == "compose" else f"journalctl -u {EXPORTER_PACKAGE}"
    return declared.remedy(f"{log} says why; ")


def container(declared: DeclaredHost) -> Check | None:
    """Whether its container runs; None where it has none."""
    return next((check for one in resources(declared) for check in one.checks()), None)


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    spec = declared.host.exporter
    if spec is not None and spec.run == "compose":
        yield ExporterContainer(declared, spec)
