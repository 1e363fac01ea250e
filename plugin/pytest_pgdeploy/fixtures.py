"""What users' own tests beside the specs get: `target`, `facts`, `connect_as`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.core.facts import Facts
    from pgdeploy.gate.gate import Gate
    from pgdeploy.gate.target import Target
    from pytest_pgdeploy.visit import TargetSession


@pytest.fixture(scope="session")
def facts(target: Target, request: pytest.FixtureRequest) -> Facts:
    """What was read from the target's server; the gate reads it once for all."""
    return reached(target, request).facts


@pytest.fixture
def connect_as(
    target: Target, request: pytest.FixtureRequest
) -> Iterator[Callable[..., psycopg.Connection[Any]]]:
    """`connect_as(role, database=None)`: a connection in a transaction that is rolled back at the end.

    It logs in as the role, with the secret that the spec gives it, as any client of the role does; where the server
    does not let it in, the test fails with the reason. It never does SET ROLE: whatever others define would run in a
    session that can become superuser again. What a test commits stays.
    """
    from pgdeploy.errors import TargetError
    from pytest_pgdeploy.act import act_as
    from pytest_pgdeploy.quiet import Refusal, quietly

    gate = reached(target, request)
    opened: list[psycopg.Connection[Any]] = []

    def connect(role: str, database: str | None = None) -> psycopg.Connection[Any]:
        __tracebackhide__ = True
        found = quietly(lambda: act_as(role, gate, database))
        if isinstance(found, Refusal):
            raise TargetError(*found.text.split("\n"))
        opened.append(found)
        return found

    yield connect
    for connection in opened:
        connection.close()


def target_fixture(config: pytest.Config, visits: Sequence[TargetSession]) -> ModuleType:
    """A plugin with the fixture `target`, once for each target of the run.

    It is made here, as the targets are known only now; and it is a module, as pytest takes for granted
    that fixtures of an object belong to a class of tests.
    """
    plugin = ModuleType("pytest_pgdeploy.target")
    plugin.target = _each(config, visits) if visits else _none  # type: ignore[attr-defined]
    return plugin


def _each(config: pytest.Config, visits: Sequence[TargetSession]) -> Callable[..., Target]:
    grouped = config.pluginmanager.hasplugin("xdist")
    marks = {visit: [pytest.mark.xdist_group(name=visit.name)] if grouped else [] for visit in visits}
    params = [pytest.param(visit, id=visit.name, marks=marks[visit]) for visit in visits]

    @pytest.fixture(scope="session", params=params)
    def target(request: pytest.FixtureRequest) -> Target:
        """The target that the test is run for."""
        visit: TargetSession = request.param
        return visit.target()

    return target


@pytest.fixture(scope="session", name="target")
def _none() -> Target:
    """The target that the test is run for."""
    pytest.skip("this test is about a server: give --target")


def reached(target: Target, request: pytest.FixtureRequest) -> Gate:
    """The gate of the target; what is wrong with the target is one line, no traceback of ours."""
    from pytest_pgdeploy.quiet import Refusal, quietly
    from pytest_pgdeploy.visit import VISITS

    gate = quietly(request.config.stash[VISITS].of_name(target.name).reach)
    if isinstance(gate, Refusal):
        pytest.fail(f"target {target.name} could not be used: {gate.text}", pytrace=False)
    return gate
