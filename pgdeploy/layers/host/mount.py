"""What the data directory stands on: its mount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.layers.host import guest
from pgdeploy.layers.host.resource import HostResource, section

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


@dataclass(frozen=True, slots=True)
class Mount(HostResource):
    """The mount that the spec names."""

    kind: ClassVar[str] = "mount"
    declared: DeclaredHost
    mount: str

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "cluster", "mount")
        yield Check(self, f"mount[{self.mount}]", "mounted", keys, self._compare)

    def parents(self, check: Check) -> Iterator[Check]:
        yield from guest.under(self.declared, self.mount)

    def _compare(self, facts: Facts) -> Outcome:
        desired, space = f"the data directory stands on {self.mount}", section(facts, "space")
        remedy = f"mount it, and write it into /etc/fstab: {self.mount}"
        if not section(facts, "mounted"):
            return Outcome(False, desired, f"nothing is mounted on {self.mount}", remedy=remedy)
        actual = self.mount if space is None else space["mount"]
        return Outcome(
            actual == self.mount,
            desired,
            f"the data directory stands on {actual}",
            remedy="move the cluster there",
        )


def mounted(declared: DeclaredHost) -> Iterator[Check]:
    """The check of the mount, where the spec names one."""
    if declared.host.cluster.mount is not None:
        yield from Mount(declared, declared.host.cluster.mount).checks()


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.cluster.mount is not None:
        yield Mount(declared, declared.host.cluster.mount)
