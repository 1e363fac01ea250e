"""The entry point `pytest11`: every pytest run loads this, so it costs nothing unless `--target` is given.

All else is in the modules that `pytest_configure` imports then, one question each.
"""

from __future__ import annotations

import pytest

from pytest_pgdeploy.fixtures import connect_as, facts, target_fixture
from pytest_pgdeploy.marker import MARKERS
from pytest_pgdeploy.options import add_options

__all__ = ["connect_as", "facts", "pytest_addoption", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    add_options(parser, pluginmanager)


def pytest_configure(config: pytest.Config) -> None:
    for name, text in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")
    if config.getoption("pgdeploy_targets"):
        from pytest_pgdeploy.gate import start

        start(config)
    else:
        config.pluginmanager.register(target_fixture(config, ()), "pgdeploy-target")
