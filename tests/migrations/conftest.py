"""A server that migrations are run on, and a database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.migrations.shop import Shop

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    yield from cluster(16)


@pytest.fixture
def shop(server: Cluster, tmp_path: Path) -> Shop:
    """A database that has no revision yet, and twenty that wait for it."""
    return Shop(tmp_path, server, f"shop{next(_NUMBERS)}").made()
