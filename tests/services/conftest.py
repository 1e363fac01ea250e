"""Projects of containers: of the official images' stand-ins, by the real compose."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import docker, require_engine
from tests.services import images
from tests.services.place import SECRETS, Place


@pytest.fixture(scope="session")
def engine() -> Iterator[None]:
    """A Docker engine with compose and the images, or a skip with its reason; in CI a failure."""
    try:
        require_engine()
        docker("compose", "version")
    except TargetError as error:
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        for name in (images.POSTGRES, images.REDIS):
            images.made(name)
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        yield


@contextmanager
def new_place(folder: Path) -> Iterator[Place]:
    """A project of its own, of which nothing is made yet."""
    (folder / "specs").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = Place(folder, f"shop{token_hex(3)}", port)
    place.certify()
    place.spec()
    try:
        yield place
    finally:
        place.destroy()


@pytest.fixture
def bare(engine: None, tmp_path: Path) -> Iterator[Place]:
    """Nothing of it is there."""
    with new_place(tmp_path) as place:
        yield place


@pytest.fixture(scope="module")
def shop(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """It runs as its spec says."""
    with new_place(tmp_path_factory.mktemp("shop")) as place:
        place.run("up")
        yield place


@pytest.fixture(scope="module")
def stopped(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Its containers are made, and were never started: enough for all that the engine says of them."""
    with new_place(tmp_path_factory.mktemp("stopped")) as place:
        place.compose("create")
        yield place
