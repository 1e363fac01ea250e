"""What all kinds of the host have in common: they are asked of the host, and pyinfra is who changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Resource, held_up
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.reached import no_machine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pgdeploy.layers.host.declared import DeclaredHost

IN_CONTAINER = "a container has its host's kernel"


class HostResource(Resource):
    """One thing of the host. It has no changes: a finding says who makes them."""

    layer: ClassVar[str] = "host"
    declared: DeclaredHost

    def parents(self, check: Check) -> Iterable[Check]:
        """The checks without which this one means nothing."""
        return ()

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if (reason := no_machine(facts)) is not None:
            vm = self.declared.spec.vm
            return reason.format(id=vm.id if vm is not None else "")
        facts.section("host")  # raises where we have no access to a host, or it does not answer
        return next(filter(None, (held_up(parent, facts) for parent in self.parents(check))), None)


def section(facts: Facts, name: str) -> Any:
    """One section of what the host said; None where the thing itself is absent.

    Raises:
        Inapplicable: this server is reached without its host.
        Unreadable: the host did not answer, or not on this.
    """
    found = facts.section("host").get(name)
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
