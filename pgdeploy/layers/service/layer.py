"""The layer of services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pathlib import Path

    from pgdeploy.core.capture import Taken
    from pgdeploy.core.check import Resource
    from pgdeploy.core.layer import Site
    from pgdeploy.core.step import StepPlan
    from pgdeploy.layers.service.container import Container
    from pgdeploy.layers.service.fact import ProjectFact
    from pgdeploy.model.connect import InContainer
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.docker import Engine
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


class ServiceLayer(Layer):
    """Its facts are what the engine says of a project, and what only its containers show."""

    name: ClassVar[str] = "service"
    title: ClassVar[str] = "the services"
    description: ClassVar[str] = "checks of containers: how they were made, what they may, their files, Redis"
    by: ClassVar[str] = "Docker"
    requires: ClassVar[tuple[str, ...]] = ("vm",)
    markers: ClassVar[Mapping[str, str]] = {"service": "services", "project": "services"}
    word: ClassVar[str] = "services"

    def section(self) -> Any:
        from pgdeploy.model.service import ServicesSpec

        return ServicesSpec

    def declared_in(self, spec: Spec) -> bool:
        return self.of(spec) is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.service.check import services

        section = self.of(declared.spec)
        return () if section is None else services(declared.target, section, self._containers(declared.spec))

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.service.problem import problems

        section = self.of(spec)
        return iter(()) if section is None else problems(spec, section)

    def commands(self, spec: Spec, root: Path) -> Iterator[Problem]:
        from pgdeploy.layers.service.problem import uses

        section = self.of(spec)
        return iter(()) if section is None else uses(spec, section, root)

    def inapplicable(self, server: Server) -> str | None:
        return f"no containers on {server.kind}" if server.kind != "live" else None

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        return {"sections": {self.name: self._read(declared)}}

    def _read(self, declared: Declared, engine: Engine | None = None) -> ProjectFact:
        from pgdeploy.layers.service.reading import read_project
        from pgdeploy.reach.engine import engine_of

        section = self.of(declared.spec)
        if engine is not None:
            return read_project(self._containers(declared.spec), tuple(section.networks), engine)
        with closing(engine_of(declared.spec.docker)) as ours:
            return read_project(self._containers(declared.spec), tuple(section.networks), ours)

    def _containers(self, spec: Spec) -> tuple[Container, ...]:
        from pgdeploy.layers.service.container import containers

        return containers(spec, self.of(spec))

    plans: ClassVar[bool] = True

    def server_in(self, spec: Spec) -> InContainer | None:
        from pgdeploy.model.connect import InContainer
        from pgdeploy.model.service import PostgresService

        for one in self._containers(spec) if self.declared_in(spec) else ():
            if isinstance(one.spec, PostgresService):
                return InContainer(project=one.project, service=one.name, user=one.spec.superuser)
        return None

    def heading(self, declared: Declared) -> str:
        section = self.of(declared.spec)
        return f"project {section.project}: {listing(section.containers)}"

    def plan(self, site: Site, *, patient: bool = False) -> StepPlan:
        return self._planned(site.declared, None)

    def _planned(self, declared: Declared, engine: Engine | None) -> StepPlan:
        from pgdeploy.core.facts import NOBODY, Facts
        from pgdeploy.layers.service.plan import plan_services

        facts = Facts(NOBODY, None, {}, {}, sections={self.name: self._read(declared, engine)})
        return plan_services(declared.target, self.of(declared.spec), self._containers(declared.spec), facts)

    def apply(self, approved: StepPlan | None, site: Site, *, downtime: bool) -> StepPlan:
        from pgdeploy.layers.service.apply import Maker, alone, require_image
        from pgdeploy.reach.engine import engine_of

        declared = site.declared
        containers = self._containers(declared.spec)
        known = {step.text for step in approved.steps} if approved is not None else None
        with closing(engine_of(declared.spec.docker)) as engine:
            require_image(engine, containers[0], site.note)
            with alone(engine, containers[0]):
                maker = Maker(engine, self.of(declared.spec), containers, site.note)
                for step in self._planned(declared, engine).steps:
                    if (known is None or step.text in known) and (downtime or not step.effect.stops):
                        site.note(step.text)
                        maker.take(step.payload)
                maker.settle()
                return self._planned(declared, engine)

    def reached(self, declared: Declared) -> str:
        section = self.of(declared.spec)
        return f"{listing(section.containers)}: running as declared"

    def step_data(self, payload: Any) -> Mapping[str, Any]:
        return {
            "service": {"name": payload.service, "how": str(payload.how), "settings": list(payload.settings)}
        }

    takes_projects: ClassVar[bool] = True

    def take_project(self, name: str) -> Taken:
        from pgdeploy.layers.service.capture import taken
        from pgdeploy.reach.docker import Engine

        return taken(Engine(), name)

    renders: ClassVar[bool] = True

    def render(self, declared: Declared) -> str:
        from pgdeploy.layers.service.compose import as_yaml, project

        return as_yaml(project(self.of(declared.spec), self._containers(declared.spec)))
