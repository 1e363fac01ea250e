"""The host's clock: its zone, and that it is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.host import service
from pgdeploy.layers.host.resource import HostResource, not_in_container, section

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost


@dataclass(frozen=True, slots=True)
class Clock(HostResource):
    """Time zone and synchronisation. That the service runs is a check of the service."""

    kind: ClassVar[str] = "clock"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        if self.declared.host.time_zone is not None:
            yield Check(self, "clock[time_zone]", "value", ("host", "time_zone"), self._zone)
        if self.declared.host.time_sync is not None:
            yield Check(self, "clock[time]", "synchronised", ("host", "time_sync"), self._synchronised)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if check.field == "synchronised":
            return not_in_container(facts, "a container has its host's clock")
        return None

    def parents(self, check: Check) -> Iterator[Check]:
        sync = service.time_sync(self.declared)
        if check.field == "synchronised" and sync is not None:
            yield next(sync.checks())

    def _zone(self, facts: Facts) -> Outcome:
        desired = str(self.declared.host.time_zone)
        return same(desired, section(facts, "clock")["zone"], remedy=self.declared.remedy())

    def _synchronised(self, facts: Facts) -> Outcome:
        actual = "synchronised" if section(facts, "clock")["synchronised"] else "not synchronised"
        remedy = f"{self.declared.host.time_sync} reaches no time server; timedatectl and its journal say why"
        return same("synchronised", actual, remedy=remedy)


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield Clock(declared)
