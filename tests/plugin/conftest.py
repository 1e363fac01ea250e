"""One server for all tests of the plugin; each test gets it as its spec says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import programs
from tests.plugin.site import CANARY, TOWN, Site


@pytest.fixture(scope="session")
def town_server() -> Iterator[Cluster]:
    """A server of its own, as the gate looks at all of it; nothing on its command line is a drift."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-test-") as home:
        Path(home).chmod(0o755)
        server = Cluster(Path(home) / "home", programs(16) or Path(), options=["-c fsync=off"])
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def site(pytester: pytest.Pytester, town_server: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.delenv("PGDEPLOY_SPECS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TOWN_APP_PASSWORD", CANARY)
    monkeypatch.setenv("COLUMNS", "200")
    made = Site(pytester, town_server)
    made.write("specs/town.yaml", TOWN)
    made.realise()
    yield made
    made.execute("DROP ROLE IF EXISTS town_app, town_group, town_extra")
