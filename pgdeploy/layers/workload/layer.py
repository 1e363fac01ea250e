"""The layer of workloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.model import Model
    from pgdeploy.spec.problem import Problem


class WorkloadLayer(Layer):
    """Nothing makes it: it is run."""

    name: ClassVar[str] = "workload"
    title: ClassVar[str] = "the workloads"
    description: ClassVar[str] = "checks of statements that are run: rows, buffers, plans and times"
    requires: ClassVar[tuple[str, ...]] = ("vm", "server", "threshold")
    markers: ClassVar[Mapping[str, str]] = {"workload": "workloads", "timing": "benchmark"}
    word: ClassVar[str] = "workloads"

    def section(self) -> type[Model]:
        from pgdeploy.model.workload import WorkloadsSpec

        return WorkloadsSpec

    def declared_in(self, spec: Spec) -> bool:
        return self.of(spec) is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.workload.check import workloads

        return tuple(workloads(declared.spec, self.of(declared.spec)))

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.workload.problem import problems

        return problems(spec, self.of(spec))

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.workload.reading import run_all

        return {"sections": {self.name: run_all(declared.spec, self.of(declared.spec), server)}}
