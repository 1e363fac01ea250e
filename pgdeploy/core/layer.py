"""A layer is one part of a target: it has a section in the spec, and owns everything about it.

Each has a folder in `pgdeploy/layers/` with a `layer.py`, and a line in `LAYERS` there, the only registry. Target,
gate, plugin, reports and the command line iterate over it; none of them knows a layer by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pgdeploy.errors import Inapplicable, TargetError, Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from pgdeploy.core.capture import Captured, Taken
    from pgdeploy.core.check import Check, Finding, Resource
    from pgdeploy.core.facts import Facts
    from pgdeploy.core.step import StepPlan
    from pgdeploy.model.connect import InContainer
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.login import SshWay
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


@dataclass(frozen=True, slots=True)
class Declared:
    """What a target declares: its name, its spec, and what gives the digest of the spec with all that it extends."""

    target: str
    spec: Spec
    digest: Callable[[], str] = field(default=str, compare=False)


class Site(Protocol):
    """A target within reach, as a layer that plans and changes asks for it. Nothing is reached before it is asked."""

    @property
    def declared(self) -> Declared: ...

    @property
    def facts(self) -> Facts:
        """The facts of the server."""
        ...

    @property
    def server(self) -> Server:
        """PostgreSQL, reached or started when first asked for."""
        ...

    @property
    def ssh(self) -> SshWay | None:
        """How ssh reaches the host; None when nothing says so."""
        ...

    @property
    def note(self) -> Callable[[str], None]:
        """Called with what a person should know meanwhile."""
        ...

    def prepare(self, upper: Layer | None = None) -> None:
        """A server to throw away gets what is made in it, up to this layer, which is left out; no other one does."""
        ...


class Layer:
    """One part of a target. All but reading, planning and changing is offline."""

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

    word: ClassVar[str] = ""
    """The key of its section in a spec; empty: the layer's name."""

    def section(self) -> Any:
        """The type of its section, a model or a union of some; None where `Spec` has a field for it. Nobody asks before
        a spec is loaded."""
        return None

    def of(self, spec: Spec) -> Any:
        """Its section of a spec, as `section` says; None where the spec has none."""
        return getattr(spec, self.word or self.name)

    def declared_in(self, spec: Spec) -> bool:
        """Whether a spec says anything of this layer."""
        raise NotImplementedError

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        """Everything that a spec declares of it, in a stable order."""
        raise NotImplementedError

    def probes(self, declared: Declared) -> tuple[Resource, ...]:
        """The probes of it."""
        return ()

    trial_marker: ClassVar[str] = ""
    """The marker by which a run of pytest asks for what is tried, where there is something: then it has the two
    functions below."""

    def trials(self, declared: Declared) -> tuple[Resource, ...]:
        """What is tried on a server to throw away, and only where a run asks for it: it takes its time."""
        return ()

    def try_out(self, site: Site) -> Any:
        """The facts of its trials, as its section of the facts; `site` is such a server, made up to this layer.

        Raises:
            TargetError: nothing can be tried.
        """
        raise NotImplementedError

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

    def commands(self, spec: Spec, root: Path) -> Iterator[Problem]:
        """What of its section runs programs on this machine or reads files beyond `root`: --no-commands refuses it."""
        return iter(())

    plans: ClassVar[bool] = False
    """Whether it can change what it declares: then it has the functions below."""
    in_server: ClassVar[bool] = False
    """Whether what it makes is in PostgreSQL: then any server can have it, one to throw away, too."""

    def heading(self, declared: Declared) -> str:
        """What its plan is of, in a few words."""
        raise NotImplementedError

    def plan(self, site: Site, *, patient: bool = False) -> StepPlan:
        """What would make it as declared; `patient`: first wait for what others do with it just now.

        Raises:
            TargetError: it cannot be asked, or nothing of it can be done.
        """
        raise NotImplementedError

    def at_work(self) -> AbstractContextManager[None]:
        """What its plan and what is made of that share, held for as long as this is open."""
        return nullcontext()

    def apply(self, approved: StepPlan | None, site: Site, *, downtime: bool) -> StepPlan:
        """Make it as declared, with downtime only where that is allowed; returns what is left.

        Of a plan that somebody approved it does nothing that this did not say.

        Raises:
            TargetError: it cannot be asked, or a step failed; running it again goes on from there.
        """
        raise NotImplementedError

    def reached(self, declared: Declared) -> str:
        """What there is after an apply that left nothing, in a few words."""
        raise NotImplementedError

    def step_data(self, payload: Any) -> Mapping[str, Any]:
        """What a step carries that only this layer understands, as JSON."""
        raise NotImplementedError

    def up_to(self, plan: StepPlan, name: str) -> StepPlan:
        """The steps of a plan up to the one of this name.

        Raises:
            TargetError: there is none, or steps of this layer have no names.
        """
        raise TargetError(f"--to {name}: a plan of {self.title} has no steps to stop at")

    def sql(self, payload: Any) -> str:
        """The SQL of a step, where that is what it runs."""
        return ""

    def remedy(self, finding: Finding, site: Site) -> str:
        """What of ours removes a drift that says nothing of it itself."""
        return ""

    renders: ClassVar[bool] = False
    """Whether what it gives to others can be printed: then it has the function below."""

    def render(self, declared: Declared) -> str:
        """What others are given of it, such as a file of compose; nothing of it is secret."""
        raise NotImplementedError

    def server_in(self, spec: Spec) -> InContainer | None:
        """The container that the target's server is in, where this layer makes that."""
        return None

    captures: ClassVar[bool] = False
    """Whether its sections of a spec can be written from what is there: then it has the function below."""

    def capture(self, server: Server) -> Captured:
        """Its sections, as a spec would have them; nothing is changed.

        Raises:
            TargetError, Unreadable: it cannot be asked, or does not show the half of it.
        """
        raise NotImplementedError

    takes_projects: ClassVar[bool] = False
    """Whether it can say a project of containers that others made: then it has the function below."""

    def take_project(self, name: str) -> Taken:
        """A project on this machine's engine. Raises TargetError: there is none of this name."""
        raise NotImplementedError


def checks_of(resources: tuple[Resource, ...]) -> tuple[Check, ...]:
    """Every check of these resources, in their order."""
    return tuple(check for resource in resources for check in resource.checks())


def is_readable(section: object) -> bool:
    """Whether a section of the facts was read."""
    return section is not None and not isinstance(section, Unreadable | Inapplicable)
