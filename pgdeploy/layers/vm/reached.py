"""Whether what stands in a VM can be asked, by what Proxmox says of it."""

from __future__ import annotations

from pgdeploy.core.facts import Facts
from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.fact import VmFact

REACHED = "guest[ssh].reached"
"""The check of a VM that runs and does not let us in: one error, not one for each check of the host."""


def no_machine(facts: Facts) -> str | None:
    """Why no host answers, when Proxmox says so, or when it says that one should; `{id}` stands for the VM's."""
    fact = facts.sections.get("vm")
    if not isinstance(fact, VmFact):
        return None
    if fact.machine is None:
        return "there is no VM {id}"
    if not fact.machine.running:
        return "the VM does not run"
    return f"{REACHED} drifts" if unreached(facts) else None


def unreached(facts: Facts) -> bool:
    """Whether nothing answers where Proxmox says that a VM runs."""
    fact = facts.sections.get("vm")
    machine = fact.machine if isinstance(fact, VmFact) else None
    runs = machine is not None and machine.running
    return runs and bool(facts.lost) and isinstance(facts.sections.get("host"), Unreadable)
