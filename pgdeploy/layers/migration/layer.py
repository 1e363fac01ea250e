"""The layer of migrations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pgdeploy.core.check import Resource
    from pgdeploy.core.layer import Site
    from pgdeploy.core.step import StepPlan
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


class MigrationLayer(Layer):
    """Its facts are the scripts of the repository, and the version tables that say which of them were run."""

    name: ClassVar[str] = "migration"
    title: ClassVar[str] = "the migrations"
    description: ClassVar[str] = "checks of migrations: version tables against the scripts of the repository"
    requires: ClassVar[tuple[str, ...]] = ("vm", "server")
    markers: ClassVar[Mapping[str, str]] = {"migration": "migrations", "rehearsal": "migrations"}
    trial_marker: ClassVar[str] = "migrations"
    word: ClassVar[str] = "migrations"

    def section(self) -> Any:
        from pgdeploy.model.migration import MigrationSpec
        from pgdeploy.spec.frozenmap import FrozenMap

        return FrozenMap[str, MigrationSpec]

    def declared_in(self, spec: Spec) -> bool:
        return bool(self.of(spec))

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.migration.check import migrations_of

        return migrations_of(declared, self.of(declared.spec) or {})

    def trials(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.migration.process import kept_processes
        from pgdeploy.layers.migration.trial import rehearsals

        with kept_processes():
            return rehearsals(declared, self.of(declared.spec) or {})

    def try_out(self, site: Site) -> Any:
        from pgdeploy.layers.migration.process import kept_processes
        from pgdeploy.layers.migration.trial import rehearse_all

        with kept_processes():
            return dict(rehearse_all(site, self, self.of(site.declared.spec)))

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.migration.problem import problems

        return problems(spec, self.of(spec) or {})

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.migration.process import kept_processes
        from pgdeploy.layers.migration.reading import read_all, with_models

        spec, sections = declared.spec, self.of(declared.spec)
        with kept_processes():
            known = with_models(spec, sections, read_all(sections, server), server)
        return {"sections": {self.name: known}}

    def commands(self, spec: Spec, root: Path) -> Iterator[Problem]:
        from pgdeploy.layers.migration.problem import beyond

        return beyond(self.of(spec) or {}, root)

    plans: ClassVar[bool] = True
    in_server: ClassVar[bool] = True

    def heading(self, declared: Declared) -> str:
        return f"migrations of {listing(self.of(declared.spec))}"

    def plan(self, site: Site, *, patient: bool = False) -> StepPlan:
        from pgdeploy.layers.migration.plan import plan_migrations
        from pgdeploy.layers.migration.process import kept_processes
        from pgdeploy.layers.migration.reading import read_all

        sections = self.of(site.declared.spec)
        with kept_processes():
            return plan_migrations(site.declared, sections, read_all(sections, site.server), site.server)

    def at_work(self) -> AbstractContextManager[None]:
        from pgdeploy.layers.migration.process import kept_processes

        return kept_processes()

    def apply(self, approved: StepPlan | None, site: Site, *, downtime: bool) -> StepPlan:
        from pgdeploy.core.step import Risk
        from pgdeploy.layers.migration.apply import run_steps
        from pgdeploy.layers.migration.plan import plan_migrations
        from pgdeploy.layers.migration.process import kept_processes
        from pgdeploy.layers.migration.reading import read_all, with_models

        spec, sections = site.declared.spec, self.of(site.declared.spec)
        with kept_processes():
            planned = approved or self.plan(site).only(lambda step: step.risk is Risk.SAFE)
            allowed = [step for step in planned.steps if downtime or not step.effect.stops]
            run_steps(spec, sections, allowed, site.server, site.note, downtime=downtime)
            if approved is None:  # the gate comes after it, and asks for the models
                return self.plan(site)
            known = with_models(spec, sections, read_all(sections, site.server), site.server)
            return plan_migrations(site.declared, sections, known, site.server, models=True)

    def reached(self, declared: Declared) -> str:
        return f"{listing(self.of(declared.spec))}: all revisions are there"

    def up_to(self, plan: StepPlan, name: str) -> StepPlan:
        from pgdeploy.layers.migration.plan import up_to

        return up_to(plan, name)

    def sql(self, payload: Any) -> str:
        return str(payload.sql)

    def step_data(self, payload: Any) -> Mapping[str, Any]:
        return {"migration": payload.name, "revision": payload.revision, "sql": payload.sql}
