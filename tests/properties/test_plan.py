"""Laws of the plan alone: it is the same each time, and names what is off and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdeploy.layers.server.plan import as_data
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from pgdeploy.spec.render import render
from tests.program import pgdeploy as pgdeploy_program
from tests.properties.breaking import breaks
from tests.properties.law import MAJOR, law
from tests.properties.server import clean, load, make, planned, run, said
from tests.properties.strategy import PASSWORDS, pairs, specs


@law(8)
@given(spec=pairs(MAJOR))
def test_a_plan_is_the_same_each_time(server: Cluster, spec: tuple[Spec, Spec]) -> None:
    before, after = map(load, spec)
    clean(server)
    make(before, server)
    one, other = planned(after, server), planned(after, server)
    assert said(one) == said(other)
    assert list(map(as_data, one.changes)) == list(map(as_data, other.changes))


CLOSED = Spec.model_validate({"postgres": MAJOR, "databases": {"a": {"allow_connections": False}}})
OPENED = Spec.model_validate(
    {"postgres": MAJOR, "databases": {"a": {"allow_connections": True, "schemas": {"s": {}}}}}
)


@law(3)
@given(spec=pairs(MAJOR))
@example(spec=(CLOSED, OPENED))
def test_a_plan_is_the_same_in_each_process(
    server: Cluster, tmp_path_factory: pytest.TempPathFactory, spec: tuple[Spec, Spec]
) -> None:
    """`apply --plan` compares what one process planned with what another plans: no set may give its own order."""
    before, after = spec
    clean(server)
    make(load(before), server)
    file = tmp_path_factory.mktemp("plan") / "law.yaml"
    file.write_text(render(after), encoding="utf-8")
    digests = {planned_by_a_process(file, server, seed) for seed in ("0", "1", "2")}
    assert len(digests) == 1


def planned_by_a_process(file: Path, server: Cluster, seed: str) -> str:
    environment = {**os.environ, **PASSWORDS, "PYTHONHASHSEED": seed}
    done = pgdeploy_program("plan", str(file), "--json", "--dsn", server.dsn, env=environment)
    said = json.loads(done.stdout)
    # what is in a database that still lets nobody in cannot be read, and the plan says so
    assert done.returncode == 1 if said["unreadable"] else done.returncode in (0, 2), done.stderr
    return str(said["digest"])


def what_is_broken_is_named(server: Cluster, spec: Spec, data: st.DataObject) -> None:
    clean(server)
    target = load(spec)
    make(target, server)
    one = data.draw(st.sampled_from(data.draw(st.sampled_from(breaks(spec)))))
    run(server, one.sql, database=one.database)
    mending = planned(target, server)
    causes = {cause for change in mending.changes for cause in change.causes}
    assert [cause for cause in causes if not cause.startswith(one.ids)] == []
    assert (*mending.stuck, *mending.unreadable) == ()
    assert causes == mending.drifts.keys()
    make(target, server)
    assert said(planned(target, server)) == []


@law(12)
@given(spec=specs(MAJOR), data=st.data())
def test_what_is_broken_by_hand_is_named_and_nothing_else(
    server: Cluster, spec: Spec, data: st.DataObject
) -> None:
    what_is_broken_is_named(server, spec, data)
