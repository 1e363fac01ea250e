"""A server that backups are made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.backups.town import settle
from tests.conftest import cluster


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    """The town's server, for tests that leave it as it is."""
    for made in cluster(15):
        settle(made)
        yield made
