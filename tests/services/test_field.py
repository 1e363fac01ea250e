"""What the engine says of a container, broken by hand: each turns its check red, and no other; other spellings none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.place import Edit, Place, body

pytestmark = [pytest.mark.docker, pytest.mark.long]

NOT_STARTED = {"service[db].running", "service[cache].running"}


def _set(service: str, *path: str | int, value: Any) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        found: Any = document["services"][service]
        for key in path[:-1]:
            found = found[key]
        found[path[-1]] = value

    return edit


def _mount(source: str, target: str) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        document["services"]["cache"]["volumes"].append({"type": "bind", "source": source, "target": target})

    return edit


def _elsewhere(document: dict[str, Any]) -> None:
    document["services"]["cache"]["volumes"].append({"type": "tmpfs", "target": "/elsewhere"})


BREAKS: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "an argument": (body("db", command=["postgres", "-c", "fsync=off"]), ("service[db].command",)),
    "an entrypoint": (body("db", entrypoint=["sh", "-c"]), ("service[db].entrypoint",)),
    "a variable that is not declared": (
        _set("db", "environment", "POSTGRES_PASSWORD", value="canary-in-the-clear"),
        ("service[db].environment",),
    ),
    "a variable with another value": (
        _set("db", "environment", "TZ", value="CET"),
        ("service[db].environment",),
    ),
    "a user": (body("db", user="999"), ("service[db].user",)),
    "data in the container itself": (
        _set("db", "environment", "PGDATA", value="/pgdata"),
        ("service[db].data", "service[db].environment"),
    ),
    "another mount": (_elsewhere, ("service[cache].mounts",)),
    "data read-only": (_set("cache", "volumes", 0, "read_only", value=True), ("service[cache].data",)),
    "secrets that it may write": (
        _set("cache", "volumes", 1, "read_only", value=False),
        ("service[cache].mounts",),
    ),
    "a folder of the host": (_mount("/etc", "/host"), ("service[cache].mounts",)),
    "the engine's socket": (_mount("/var/run/docker.sock", "/d.sock"), ("service[cache].mounts",)),
    "a port on every address": (
        body("cache", ports=["0:6379"]),
        ("service[cache].ports",),
    ),
    "another port": (body("db", ports=["127.0.0.1:0:22"]), ("service[db].ports",)),
    "no port": (body("db", ports=[]), ("service[db].ports",)),
    "another network": (body("cache", networks=["default", "data"]), ("service[cache].networks",)),
    "the host's network": (
        body("cache", networks=None, network_mode="host"),
        ("service[cache].networks",),
    ),
    "no limit of memory": (body("db", mem_limit=None), ("service[db].memory",)),
    "more memory": (body("db", mem_limit="1g"), ("service[db].memory",)),
    "more processors": (body("db", cpus=2.0), ("service[db].cpus",)),
    "no limit of processes": (body("db", pids_limit=None), ("service[db].processes",)),
    "less shared memory": (body("db", shm_size="64m"), ("service[db].shared_memory",)),
    "privileged": (body("cache", privileged=True), ("service[cache].privileges",)),
    "a capability": (body("cache", cap_add=["NET_ADMIN"]), ("service[cache].privileges",)),
    "all that is usual": (body("cache", cap_drop=None), ("service[cache].privileges",)),
    "new privileges": (body("cache", security_opt=[]), ("service[cache].privileges",)),
    "the host's processes": (body("cache", pid="host"), ("service[cache].privileges",)),
    "a group of the host": (body("cache", group_add=["0"]), ("service[cache].privileges",)),
    "secrets of another service": (
        _set("cache", "volumes", 1, "source", value="db-secrets"),
        ("service[cache].mounts",),
    ),
    "no restart": (body("db", restart="no"), ("service[db].restart",)),
    "less time to stop": (body("db", stop_grace_period="3s"), ("service[db].stop",)),
    "nobody asks for health": (body("db", healthcheck={"disable": True}), ("service[db].health_check",)),
    "health that a reader of files has": (
        _set("db", "healthcheck", "test", value=["CMD", "true"]),
        ("service[db].health_check",),
    ),
    "a log without end": (body("db", logging={"driver": "json-file"}), ("service[db].log",)),
    "no log": (body("db", logging={"driver": "none"}), ("service[db].log",)),
}


@pytest.mark.parametrize("what", BREAKS)
def test_broken_by_hand(what: str, stopped: Place) -> None:
    edit, ids = BREAKS[what]
    stopped.compose("create", "--force-recreate", edit=edit)
    try:
        assert set(stopped.red()) - NOT_STARTED - WITHOUT_FILES == set(ids)
    finally:
        stopped.compose("create", "--force-recreate")
    assert set(stopped.red()) - NOT_STARTED == WITHOUT_FILES


WITHOUT_FILES = {
    "service[db].files",
    "service[db].secrets",
    "service[cache].files",
    "service[cache].secrets",
}
"""Compose alone gives no files."""

SPELLINGS: dict[str, Edit] = {
    "sizes in other units": body("db", mem_limit="524288k", shm_size="262144k"),
    "processors by quota": body("db", cpus=None, cpu_quota=150000, cpu_period=100000),
    "a short form of a port": lambda document: body(
        "db", ports=[f"127.0.0.1:{document['services']['db']['ports'][0]['published']}:5432"]
    )(document),
    "a log in megabytes": body(
        "db", logging={"driver": "json-file", "options": {"max-file": "5", "max-size": "10m"}}
    ),
    "variables as a list": lambda document: body(
        "db",
        environment=[f"{name}={value}" for name, value in document["services"]["db"]["environment"].items()],
    )(document),
    "spans in other units": _set("db", "healthcheck", "start_period", value="1m"),
    "networks in another order": body("db", networks=["data", "default"]),
    "capabilities with their prefix": body(
        "db", cap_add=["CAP_SETUID", "SETGID", "FOWNER", "DAC_OVERRIDE", "CHOWN"]
    ),
}


@pytest.mark.parametrize("what", SPELLINGS)
def test_in_another_spelling(what: str, stopped: Place) -> None:
    stopped.compose("create", "--force-recreate", edit=SPELLINGS[what])
    assert set(stopped.red()) - NOT_STARTED == WITHOUT_FILES
