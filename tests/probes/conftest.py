"""The shop of shop.py on real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pgdeploy.gate.target import Target, load_target
from pgdeploy.reach.embedded import Cluster
from tests.probes.shop import OBJECTS, SECRETS, SPEC, World, clear, make


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Target]:
    def load_text(text: str, major: int) -> Target:
        file = tmp_path_factory.mktemp("specs") / "shop.yaml"
        file.write_text(text.replace("postgres: 16", f"postgres: {major}"), encoding="utf-8")
        return load_target(file)

    return load_text


@pytest.fixture(autouse=True, scope="session")
def secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in SECRETS.items():
            patch.setenv(variable, value)
        yield


@pytest.fixture(scope="module", params=[16, 14, 15, 17, 18])
def any_shop(
    request: pytest.FixtureRequest, load: Callable[[str, int], Target], secrets: None
) -> Iterator[World]:
    """The shop on several versions."""
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    target = load(SPEC, request.param)
    try:
        yield make(target, server, OBJECTS, "shop")
    finally:
        clear(server, target)


@pytest.fixture(scope="module")
def shop(server16: Cluster, load: Callable[[str, int], Target], secrets: None) -> Iterator[World]:
    """The shop on 16; a test that changes it puts it back."""
    target = load(SPEC, 16)
    try:
        yield make(target, server16, OBJECTS, "shop")
    finally:
        clear(server16, target)
