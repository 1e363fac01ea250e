"""What all kinds of the host have in common: they are asked of the host, and pyinfra is who changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pgdeploy.check import Check, Outcome, Resource, Verdict, evaluate
from pgdeploy.errors import Unreadable
from pgdeploy.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgdeploy.resources.host.declared import DeclaredHost

IN_CONTAINER = "a container has its host's kernel"

REACHED = "guest[ssh].reached"
"""The check of a VM that runs and does not let us in: one error, not one for each check of the host."""


class HostResource(Resource):
    """One thing of the host. It has no changes: a finding says who makes them."""

    layer: ClassVar[Literal["server", "host", "vm"]] = "host"
    declared: DeclaredHost

    def parents(self, check: Check) -> Iterable[Check]:
        """The checks without which this one means nothing."""
        return ()

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if (reason := no_machine(facts)) is not None:
            vm = self.declared.spec.vm
            return reason.format(id=vm.id if vm is not None else "")
        facts.host_facts  # noqa: B018 - raises where we have no access to a host, or it does not answer
        return next(filter(None, (held_up(parent, facts) for parent in self.parents(check))), None)


def no_machine(facts: Facts) -> str | None:
    """Why no host answers, when Proxmox says so, or when it says that one should; `{id}` stands for the VM's."""
    from pgdeploy.resources.vm.fact import VmFact

    if not isinstance(facts.vm, VmFact):
        return None
    if facts.vm.machine is None:
        return "there is no VM {id}"
    if not facts.vm.machine.running:
        return "the VM does not run"
    return f"{REACHED} drifts" if unreached(facts) else None


def unreached(facts: Facts) -> bool:
    """Whether nothing answers where Proxmox says that a VM runs."""
    from pgdeploy.resources.vm.fact import VmFact

    machine = facts.vm.machine if isinstance(facts.vm, VmFact) else None
    runs = machine is not None and machine.running
    return runs and bool(facts.lost) and isinstance(facts.host, Unreadable)


def section(facts: Facts, name: str) -> Any:
    """One section of what the host said; None where the thing itself is absent.

    Raises:
        Inapplicable: this server is reached without its host.
        Unreadable: the host did not answer, or not on this.
    """
    found = facts.host_facts.get(name)
    if found is None:
        raise Unreadable(f"the host was not asked about its {name}")
    if "error" in found:
        raise Unreadable(f"{name} could not be read on the host: {found['error']}")
    return found["value"]


def entry(facts: Facts, name: str, key: str) -> Any:
    """One thing of a section; None where it is absent.

    Raises:
        Inapplicable: this server is reached without its host.
        Unreadable: the host did not answer, or was not asked about it.
    """
    known = section(facts, name)
    if key not in known:
        raise Unreadable(f"the host was not asked about {key} among its {name}")
    return known[key]


def container(facts: Facts) -> bool:
    """Whether the host is a container, as systemd sees it; not where there is none that could say so."""
    return no_machine(facts) is None and section(facts, "os")["container"] not in ("none", "")


def not_in_container(facts: Facts, why: str = IN_CONTAINER) -> str | None:
    """Why a container cannot have it; None on a machine."""
    return why if container(facts) else None


def held_up(parent: Check, facts: Facts) -> str | None:
    """Why the children of this check mean nothing: it drifts, or is itself blocked; None when it conforms.

    Raises:
        Unreadable: so is the parent.
    """
    found = evaluate(parent, facts)
    if found.verdict in (Verdict.CONFORMS, Verdict.INAPPLICABLE):
        return None
    if found.verdict is Verdict.UNREADABLE:
        raise Unreadable(found.reason)
    if found.verdict is Verdict.BLOCKED:
        return found.reason
    return f"{parent.id} drifts: {found.actual}"


def same(desired: str, actual: str, *, origin: str = "", stuck: str = "") -> Outcome:
    """Whether two texts are one."""
    return Outcome(desired == actual, desired, actual, origin, stuck=stuck)
