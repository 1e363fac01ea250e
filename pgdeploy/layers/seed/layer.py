"""The layer of seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pathlib import Path

    from pgdeploy.core.check import Resource
    from pgdeploy.core.layer import Site
    from pgdeploy.core.step import StepPlan
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


class SeedLayer(Layer):
    """Its facts are how the tables differ from the files."""

    name: ClassVar[str] = "seed"
    title: ClassVar[str] = "the seeds"
    description: ClassVar[str] = "checks of seeds: the rows of a file are in their table"
    requires: ClassVar[tuple[str, ...]] = ("vm", "server", "migration")
    markers: ClassVar[Mapping[str, str]] = {"seed": "seeds"}
    word: ClassVar[str] = "seeds"

    def section(self) -> Any:
        from pgdeploy.model.seed import SeedSpec
        from pgdeploy.spec.frozenmap import FrozenMap

        return FrozenMap[str, SeedSpec]

    def declared_in(self, spec: Spec) -> bool:
        return bool(self.of(spec))

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.seed.apply import tables_of

        return tuple(tables_of(declared, self.of(declared.spec) or {}))

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.seed.problem import problems

        return problems(spec, self.of(spec) or {})

    def commands(self, spec: Spec, root: Path) -> Iterator[Problem]:
        from pgdeploy.layers.seed.problem import beyond

        return beyond(self.of(spec) or {}, root)

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.seed.reading import read_all

        return {"sections": {self.name: read_all(declared.spec, self.of(declared.spec), server)}}

    plans: ClassVar[bool] = True
    in_server: ClassVar[bool] = True

    def heading(self, declared: Declared) -> str:
        return f"seeds of {listing(self.of(declared.spec))}"

    def plan(self, site: Site, *, patient: bool = False) -> StepPlan:
        from pgdeploy.layers.seed.apply import plan_seeds
        from pgdeploy.layers.seed.reading import read_all

        spec, sections = site.declared.spec, self.of(site.declared.spec)
        return plan_seeds(site.declared, sections, read_all(spec, sections, site.server))

    def apply(self, approved: StepPlan | None, site: Site, *, downtime: bool) -> StepPlan:
        from pgdeploy.layers.seed.apply import write_seeds

        spec, planned = site.declared.spec, approved or self.plan(site)
        write_seeds(spec, self.of(spec), [step.payload for step in planned.steps], site.server)
        return self.plan(site)

    def reached(self, declared: Declared) -> str:
        return f"{listing(self.of(declared.spec))}: all rows are there"

    def step_data(self, payload: Any) -> Mapping[str, Any]:
        return {"seed": {"database": payload.database, "number": payload.number}}
