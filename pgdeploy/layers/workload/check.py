"""Each promise of a workload as a check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.workload.script import Script
from pgdeploy.layers.workload.statement import Statement, Timing

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import WorkloadsSpec


def workloads(spec: Spec, section: WorkloadsSpec | None) -> Iterator[Resource]:
    """A resource for what repeats of each statement, and one for its times; one for each script."""
    if section is None:
        return
    for name, one in section.statements.items():
        statement = Statement(spec, name, one)
        yield statement
        yield Timing(statement)
    for name, script in section.scripts.items():
        yield Script(spec, name, script)
