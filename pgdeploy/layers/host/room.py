"""Free space where the data directory is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, within
from pgdeploy.layers.host import path
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.model.host.amount import bytes_of

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


@dataclass(frozen=True, slots=True)
class Room(HostResource):
    """Free space where the data directory is."""

    kind: ClassVar[str] = "mount"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "cluster", "free")
        yield Check(self, f"mount[{self.declared.layout.data_directory}]", "free", keys, self._compare)

    def parents(self, check: Check) -> Iterator[Check]:
        yield path.data_directory(self.declared)

    def _compare(self, facts: Facts) -> Outcome:
        desired, known = self.declared.host.cluster.free, section(facts, "space")
        actual = known["free"] if known else 0
        where = f"on {known['mount']}" if known else ""
        remedy = "make room: old logs, WAL that no slot or archive needs any more; or a larger disk"
        free = Measured(actual, "B", at_least=bytes_of(desired))
        return within(free, f"at least {desired}", _shown(actual), origin=where, remedy=remedy)


def _shown(size: int) -> str:
    for unit, factor in (("TB", 40), ("GB", 30), ("MB", 20)):
        if size >= 1 << factor:
            return f"{size / (1 << factor):.1f}{unit}"
    return f"{size}B"


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield Room(declared)
