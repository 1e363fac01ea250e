"""That the spec made the VM: the parent of all that is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.layers.vm.declared import DeclaredVm, record_of
from pgdeploy.layers.vm.fact import vm_fact

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.vm.fact import MachineFact


@dataclass(frozen=True, slots=True)
class Made(Resource):
    """There is a VM of this id, and the spec made it: the parent of all that is asked of the VM."""

    kind: ClassVar[str] = "vm"
    layer: ClassVar[str] = "vm"
    declared: DeclaredVm

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.declared.address, "made", ("vm", "id"), self._made)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        vm_fact(facts)  # raises where Proxmox does not answer
        return None

    def _made(self, facts: Facts) -> Outcome:
        fact, vm = vm_fact(facts), self.declared.vm
        desired = self.declared.claim
        if fact.machine is None:
            actual = "taken by what the token may not see" if fact.hidden else f"no VM {vm.id}"
            return Outcome(False, desired, actual, remedy=self.declared.remedy())
        owner = whose(fact.machine)
        return Outcome(
            owner == self.declared.target,
            desired,
            f"VM {vm.id}, {'made from target ' + owner if owner else f'{fact.machine.name}, made by no spec'}",
            remedy=f"choose another id; or, if it is this VM, write into its notes: {self.declared.record}",
        )


def made(declared: DeclaredVm) -> Check:
    """The one check of it."""
    return next(Made(declared).checks())


def whose(machine: MachineFact) -> str | None:
    """The target that made a VM."""
    record = record_of(machine.coming)
    return record.target if record else None
