"""What virtual machines need, or a skip with its reason: they run when they are asked for, as they take minutes."""

from __future__ import annotations

import os

import pytest

from tests.simulators.qemu_guest.template import lacking


@pytest.fixture(scope="session")
def machines() -> None:
    """Leave, programs, root, tap devices."""
    if not os.environ.get("PGDEPLOY_QEMU"):
        pytest.skip("real virtual machines take minutes; PGDEPLOY_QEMU=1 runs them")
    if reason := lacking():
        pytest.fail(reason)
