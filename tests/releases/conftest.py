"""A server that releases are made to, and a shop of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.releases.place import Place

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    yield from cluster(16)


@pytest.fixture
def place(server: Cluster, tmp_path: Path) -> Place:
    return Place(tmp_path, server, next(_NUMBERS))


@pytest.fixture
def shop(place: Place) -> Callable[[str], Place]:
    """A shop whose first release is done and whose second one waits, with more sections in its spec."""
    return place.made
