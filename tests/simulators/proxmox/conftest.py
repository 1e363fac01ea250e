from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulators.proxmox.client import connect
from tests.simulators.proxmox.simulator import Simulator, simulator


@pytest.fixture
def proxmox() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def api(proxmox: Simulator) -> Any:
    return connect(proxmox)


@pytest.fixture
def node(api: Any) -> Any:
    return api.nodes("node04")
