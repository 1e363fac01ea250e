"""Real machines for the tests: bare ones, and ones that pg01.py has been to."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import docker, require_engine
from pgdeploy.gate.container.image import image
from tests.host.machine import Machine, booted, deployed
from tests.host.texts import pg15, pg17


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine, or a skip with its reason; in CI a failure."""
    try:
        require_engine()
    except TargetError as error:
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bookworm(engine: None) -> str:
    """The image of a bare Debian 12."""
    return image("debian-12")


@pytest.fixture(scope="session")
def trixie(engine: None) -> str:
    """The image of a bare Debian 13."""
    return image("debian-13")


@pytest.fixture
def bare(bookworm: str) -> Iterator[Machine]:
    """A bare Debian 12, with the spec of one."""
    with booted(bookworm) as machine:
        machine.spec(pg15())
        yield machine


@pytest.fixture(scope="session")
def bookworm_deployed(bookworm: str) -> Iterator[str]:
    """The image of a Debian 12 after pg01.py; made from nothing in this session."""
    yield from _after_deploy(bookworm, pg15())


@pytest.fixture(scope="session")
def trixie_deployed(trixie: str) -> Iterator[str]:
    """The image of a Debian 13 after pg01.py."""
    yield from _after_deploy(trixie, pg17())


def _after_deploy(bare: str, spec: str) -> Iterator[str]:
    with booted(bare) as machine:
        machine.spec(spec)
        deployed(machine)
        # its systemd is told to stop first, so that the disk is as after a shutdown
        docker("stop", "-t", "30", machine.container)
        made = docker("commit", machine.container)
    yield made
    docker("rmi", "-f", made)


@pytest.fixture(scope="module")
def pg01(bookworm_deployed: str) -> Iterator[Machine]:
    """A Debian 12 that pg01.py has been to, for one module of tests."""
    with booted(bookworm_deployed) as machine:
        machine.spec(pg15())
        yield machine


@pytest.fixture(scope="module")
def pg01_trixie(trixie_deployed: str) -> Iterator[Machine]:
    """A Debian 13 that pg01.py has been to."""
    with booted(trixie_deployed) as machine:
        machine.spec(pg17())
        yield machine
