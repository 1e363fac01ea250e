"""The bulk read: one round trip a database, and each query by itself only when one of them fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers.server import reading
from pgdeploy.reach.embedded import Cluster

SPECS = Path(__file__).parent.parent / "specs"


@pytest.mark.parametrize("server", ["server15", "server16", "server18"])
def test_nothing_is_read_twice(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Cluster = request.getfixturevalue(server)

    def one_by_one(*_: Any) -> Any:
        raise AssertionError("the bulk read failed")

    monkeypatch.setattr(reading, "_read_each", one_by_one)
    found = load_target(SPECS / "prod-pg01.yaml").read(cluster)
    assert "settings" in found.rows_of_server
    assert found.rows_of_databases
