"""All workloads of a spec, run once each and within their budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pgdeploy.errors import PgdeployError, Unreadable
from pgdeploy.layers.workload.explain import Explained
from pgdeploy.layers.workload.login import Failed
from pgdeploy.layers.workload.pgbench import Benched, benched
from pgdeploy.layers.workload.run import run_once
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import WorkloadsSpec
    from pgdeploy.reach.server import Server

Run: TypeAlias = "Explained | Benched | Failed | Unreadable"


def run_all(spec: Spec, workloads: WorkloadsSpec, server: Server) -> Mapping[str, Run]:
    """What became of each by its name; what the budget leaves no time for is unreadable."""
    found: dict[str, Run] = {}
    end = time.monotonic() + seconds_of(workloads.budget)
    for name, run in _runs(spec, workloads, server):
        if time.monotonic() > end:
            found[name] = Unreadable(
                f"not run: the budget of {workloads.budget} for all workloads was used up"
            )
            continue
        try:
            found[name] = run()
        except PgdeployError as error:
            found[name] = Unreadable(str(error))
    return found


def _runs(
    spec: Spec, workloads: WorkloadsSpec, server: Server
) -> Iterator[tuple[str, Callable[[], Explained | Benched | Failed]]]:
    yield from ((name, partial(run_once, spec, one, server)) for name, one in workloads.statements.items())
    yield from ((name, partial(benched, spec, one, server)) for name, one in workloads.scripts.items())
