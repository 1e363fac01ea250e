"""The entry point `pytest11`: every pytest run loads this, so it costs nothing unless `--target` is given.

All else is in the modules that `pytest_configure` imports then, one question each.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_pgdeploy.fixtures import connect_as, facts, target_fixture
from pytest_pgdeploy.marker import MARKERS
from pytest_pgdeploy.options import add_options, leave_python_alone

__all__ = ["connect_as", "facts", "pytest_addoption", "pytest_configure", "pytest_load_initial_conftests"]


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    add_options(parser, pluginmanager)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    leave_python_alone(early_config.known_args_namespace)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    for name, text in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {text}")
    if config.getoption("pgdeploy_targets"):
        from pytest_pgdeploy.gate import start

        start(config)
    else:
        config.pluginmanager.register(target_fixture(config, ()), "pgdeploy-target")
