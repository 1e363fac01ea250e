"""From 17 a server can refuse ALTER SYSTEM to everybody, as an operator keeps its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.embedded import Cluster
from tests.conftest import FAST, cluster

SPEC = """
postgres: MAJOR
settings: {work_mem: 5MB, maintenance_work_mem: 64MB, allow_alter_system: off}
roles: {alter_app: {}}
"""


@pytest.fixture(scope="module", params=[17, 18])
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def server(major: int) -> Iterator[Cluster]:
    yield from cluster(major, FAST)


@pytest.fixture
def target(tmp_path: Path, major: int) -> Target:
    file = tmp_path / "operated.yaml"
    file.write_text(SPEC.replace("MAJOR", str(major)))
    return load_target(file)


@pytest.fixture
def shut(server: Cluster) -> Iterator[Cluster]:
    """Its operator has switched it off in the file."""
    file = server.data / "postgresql.conf"
    usual = file.read_text()
    with server.open() as connection:
        file.write_text(f"{usual}\nallow_alter_system = off\n")
        connection.execute("SELECT pg_reload_conf()")
        _wait(server, "off")
        yield server
        file.write_text(usual)
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP ROLE IF EXISTS alter_app")
    _wait(server, "on")


def _wait(server: Cluster, state: str) -> None:
    for _ in range(200):
        with server.open() as connection:
            if connection.execute("SHOW allow_alter_system").fetchone() == (state,):
                return
    raise TimeoutError(state)


def test_a_plan_says_that_nobody_may_and_does_the_rest(shut: Cluster, target: Target) -> None:
    made = plan(target.spec, target.resources, target.read(shut))
    said = {finding.check.id: finding.remedy.text for finding in made.stuck}
    assert said.keys() == {"setting[work_mem].value"}
    assert said["setting[work_mem].value"].startswith(
        "allow_alter_system is off: nobody may use ALTER SYSTEM"
    )
    apply(made, shut)
    facts = target.read(shut)
    green = {check.id for check in target.checks if evaluate(check, facts).verdict is Verdict.CONFORMS}
    assert {"role[alter_app].exists", "setting[maintenance_work_mem].value"} <= green
    assert "setting[allow_alter_system].value" in green


def test_it_cannot_be_switched_by_itself(server: Cluster, target: Target) -> None:
    made = plan(target.spec, target.resources, target.read(server))
    said = {finding.check.id: finding.remedy.text for finding in made.stuck}
    assert said == {
        "setting[allow_alter_system].value": "PostgreSQL does not let SQL set it; set it in postgresql.conf"
    }
