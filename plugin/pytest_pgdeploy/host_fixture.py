"""`host` in a run with `--target`: pytest-testinfra's, for the host under the target.

pytest-testinfra has a fixture of the same name. pytest takes the one that was registered last, and this
one is registered when the run is configured, after all plugins are loaded; without `--target` it is not,
and testinfra's own is as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_pgdeploy.fixtures import reached

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target


@pytest.fixture(scope="session")
def host(target: Target, request: pytest.FixtureRequest) -> Any:
    """testinfra's Host of the target, over the login that the gate has. To be root there: `host.sudo()`."""
    from pytest_pgdeploy.quiet import Refusal, quietly

    under = reached(target, request).server.host
    if under is None:
        pytest.skip(
            f"no host of {target.name} can be looked at: its server is not reached by ssh or a container"
        )
    found = quietly(lambda: under.testinfra)
    if isinstance(found, Refusal):
        pytest.fail(f"the host of {target.name} could not be used: {found.text}", pytrace=False)
    return found
