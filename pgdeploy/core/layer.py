"""A layer is one part of a target: it has a section in the spec, and owns everything about it.

Each has a folder in `pgdeploy/layers/` with a `layer.py`, and a line in `LAYERS` there, the only registry. Target,
gate, plugin, reports and the command line iterate over it; none of them knows a layer by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.errors import Inapplicable, Unreadable

if TYPE_CHECKING:
    from pgdeploy.core.check import Check, Resource
    from pgdeploy.core.facts import Facts
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


@dataclass(frozen=True, slots=True)
class Declared:
    """What a target declares: its name, its spec, and the digest of the spec with all that it extends."""

    target: str
    spec: Spec
    digest: str = ""


class Layer:
    """One part of a target. All but reading is offline."""

    name: ClassVar[str]
    """Its word everywhere: resources carry it, and it is the marker of all its checks, where `description` says so."""
    title: ClassVar[str]
    """What it is in a sentence: "the host"."""
    description: ClassVar[str] = ""
    """Its checks, as `pytest --markers` explains the marker; empty where they have the markers of their kinds alone."""
    markers: ClassVar[Mapping[str, str]]
    """The pytest marker of each kind of resource."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Layers that are read first: where one of them is down, this one cannot be asked."""
    by: ClassVar[str] = ""
    """What answers for it, where that is not reached through the server: "Proxmox"."""

    def declared_in(self, spec: Spec) -> bool:
        """Whether a spec says anything of this layer."""
        raise NotImplementedError

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        """Everything that a spec declares of it, in a stable order."""
        raise NotImplementedError

    def probes(self, declared: Declared) -> tuple[Resource, ...]:
        """The probes of it."""
        return ()

    def problems(self, spec: Spec) -> Iterator[Problem]:
        """What is wrong in a spec and only the whole of this layer shows."""
        return iter(())

    def inapplicable(self, server: Server) -> str | None:
        """Why a server that is reached in this way has no such layer, or none that can be read."""
        return None

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        """The fields of `Facts` that this layer fills: one bulk read.

        Raises:
            TargetError: it cannot be asked.
        """
        raise NotImplementedError

    def unread(self, reason: str) -> Mapping[str, Any]:
        """The same, where it could not be asked."""
        return {"sections": {self.name: Unreadable(reason)}}

    def complete(self, declared: Declared, facts: Facts) -> Facts:
        """The facts with what follows from this layer's part of them."""
        return facts


def checks_of(resources: tuple[Resource, ...]) -> tuple[Check, ...]:
    """Every check of these resources, in their order."""
    return tuple(check for resource in resources for check in resource.checks())


def is_readable(section: object) -> bool:
    """Whether a section of the facts was read."""
    return section is not None and not isinstance(section, Unreadable | Inapplicable)
