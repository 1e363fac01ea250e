"""Servers of the laws' own: each law drops everything that stands on one, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.properties.law import MAJOR


@pytest.fixture(scope="package")
def server14() -> Iterator[Cluster]:
    yield from cluster(14)


@pytest.fixture(scope="package")
def server15() -> Iterator[Cluster]:
    yield from cluster(15)


@pytest.fixture(scope="package")
def server() -> Iterator[Cluster]:
    yield from cluster(MAJOR)


@pytest.fixture(scope="package")
def server17() -> Iterator[Cluster]:
    yield from cluster(17)


@pytest.fixture(scope="package")
def server18() -> Iterator[Cluster]:
    yield from cluster(18)
