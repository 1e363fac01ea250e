"""A release with nothing to do, over the gate that it asks anyway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.conftest import new_cluster
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import Target
from pgdeploy.lifecycle.release import health
from pgdeploy.lifecycle.release.journal import Journals
from pgdeploy.lifecycle.release.run import Wanted, release
from pgdeploy.model.release import ReleaseSpec
from pgdeploy.reach.embedded import Cluster


@pytest.fixture(scope="module")
def server(target: Target) -> Iterator[Cluster]:
    """As the generated spec says."""
    for made in new_cluster():
        gate = Gate(target, ConnectionOptions(), server=made)
        gate.apply(gate.plan())
        yield made


@pytest.fixture
def gate(target: Target, server: Cluster) -> Gate:
    return Gate(target, ConnectionOptions(), server=server)


@pytest.mark.benchmark(group="release")
def test_gate(benchmark: Any, gate: Gate) -> None:
    """The baseline."""
    benchmark.name = "its smoke run alone"
    found = benchmark.pedantic(lambda: health.whole(gate), rounds=3)
    assert found.healthy, found.why


@pytest.mark.benchmark(group="release")
def test_release_with_nothing_to_do(benchmark: Any, gate: Gate, tmp_path: Path) -> None:
    benchmark.name = "a release with nothing to do"

    def run() -> str:
        journals = Journals("town", [tmp_path])
        section = ReleaseSpec.model_validate({})
        done = release(gate, section, journals, Wanted(), lambda _: None, lambda plan: plan.is_empty)
        return done.ended

    assert benchmark.pedantic(run, rounds=3) == "nothing to do"
