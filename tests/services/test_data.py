"""Data that is somewhere else than declared: nothing is done to its container, until somebody names the volume."""

from __future__ import annotations

from typing import Any

import pytest

from pgdeploy.gate.container.docker import attempt, docker
from tests.services.place import SECRETS, Edit, Place
from tests.wait import until

THEIRS = "canary-Theirs-7d"
NO_TLS = (
    "      tls: {certificate: tls.crt, key: {file: tls.key}}\n      settings: {maxmemory",
    "      settings: {maxmemory",
)

pytestmark = [pytest.mark.docker, pytest.mark.long]


def _of_others(place: Place) -> Edit:
    """Redis as somebody runs it: a volume of their own, another password, no TLS."""

    def edit(document: dict[str, Any]) -> None:
        volumes = [{"type": "volume", "source": "theirs", "target": "/data"}]
        document["services"]["cache"] |= {
            "command": ["redis-server", "--requirepass", THEIRS],
            "volumes": volumes,
        }
        document["services"]["cache"].pop("healthcheck")
        document["volumes"] = {"theirs": {"name": f"{place.name}_theirs"}}
        document["services"].pop("db")

    return edit


def _ask(place: Place, *words: str, password: str = THEIRS) -> str:
    command = ("redis-cli", "--no-auth-warning", "-a", password)
    return docker("exec", place.container("cache"), *command, *words).strip()


@pytest.fixture
def theirs(bare: Place) -> Place:
    """A project of somebody else, with a key in it."""
    bare.compose("up", "--detach", edit=_of_others(bare))
    ping = ("exec", bare.container("cache"), "redis-cli", "--no-auth-warning", "-a", THEIRS, "PING")
    until(lambda: attempt(*ping).stdout.strip() == "PONG")
    assert _ask(bare, "SET", "kept", "7") == "OK"
    assert _ask(bare, "SAVE") == "OK"
    return bare


def test_data_in_a_volume_of_another_name(theirs: Place) -> None:
    first = theirs.state("cache")["Id"]
    theirs.spec(NO_TLS)
    said = theirs.run("plan", "--layer", "service", status=2)
    assert "service db: create it" in said
    assert "service cache:" not in said
    assert "service[cache].command: redis-server --requirepass ******** ->" in said
    assert f"service[cache].data: {theirs.name}_theirs at /data -> {theirs.name}_cache-data at /data" in said
    assert "nothing is done to this container" in said
    assert "it waits for service[cache].data" in said
    theirs.apply("--allow-restart", status=2)
    assert (theirs.state("cache")["Id"], _ask(theirs, "GET", "kept")) == (first, "7")

    theirs.spec(NO_TLS, ("kind: redis\n", f"kind: redis\n      volume: {theirs.name}_theirs\n"))
    said = theirs.apply(
        "--allow-restart", status=1
    )  # it has a dump alone, and is to have an append-only file
    assert "Redis would begin without its data" in said
    assert "run CONFIG SET appendonly yes on it" in said
    assert (theirs.state("cache")["Id"], _ask(theirs, "GET", "kept")) == (first, "7")
    ours = SECRETS["SHOP_REDIS"]
    assert _ask(theirs, "CONFIG", "SET", "requirepass", ours) == "OK"
    theirs.apply("--allow-restart")
    assert theirs.state("cache")["Id"] != first
    assert _ask(theirs, "GET", "kept", password=ours) == "7"
    assert theirs.red() == {}


def test_an_append_only_file_is_there_before_a_start_that_needs_it(bare: Place) -> None:
    """Redis that begins without one begins empty, whatever its dump holds."""
    off = ("appendonly: true", "appendonly: false")
    bare.spec(off)
    bare.apply()
    bare.redis("SET kept 7")
    bare.spec(("memory: 256MB", "memory: 300MB"))
    bare.apply("--allow-restart")  # made anew
    assert bare.redis("GET kept") == "7"
    assert bare.red() == {}

    assert bare.redis("SAVE") == "OK"
    docker("rm", "-f", bare.container("cache"))
    mount = f"{bare.name}_cache-data:/data"
    docker(
        "run", "--rm", "-v", mount, "--entrypoint", "rm", "pgdeploy-test/redis:8", "-r", "/data/appendonlydir"
    )
    assert "start it with the settings that it had" in bare.apply("--allow-restart", status=1)
    bare.spec(off)
    bare.apply()
    assert bare.redis("GET kept") == "7"


def test_a_volume_that_does_not_exist(bare: Place) -> None:
    """It is not made: a name that is mistyped would be a server without its data."""
    bare.spec(("kind: redis\n", "kind: redis\n      volume: not-there\n"))
    said = bare.apply(status=1)
    assert "not-there" in said
