"""What is wrong with a container that others made: how passwords, data, ports and checks are usually done badly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

_SECRET = re.compile(r"PASS|SECRET|TOKEN", re.IGNORECASE)
_ON_COMMAND_LINE = re.compile(r"--?(?:requirepass|masterauth|pass|password|a)$")
_KNOWN = frozenset(
    {
        "postgres",
        "password",
        "pass",
        "secret",
        "changeme",
        "change_me",
        "admin",
        "root",
        "redis",
        "test",
        "dev",
    }
)
_WRITES = re.compile(r"\b(?:SET|INCR|DEL|LPUSH|INSERT|UPDATE|DELETE|CREATE)\b", re.IGNORECASE)
_EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - what is looked for
_TEMPORARY = re.compile(r"/(?:var/)?tmp(?:/|$)")


def faults(data: Mapping[str, Any], image: Mapping[str, Any], held: str) -> Iterator[str]:
    """In a sentence each, without any value that may be secret; `held` is what is wrong with where its data is."""
    config = data["Config"]
    own = set((image.get("Config") or {}).get("Env") or ())
    variables = dict(line.partition("=")[::2] for line in config.get("Env") or () if line not in own)
    yield from _of_passwords(variables, list(config.get("Cmd") or ()))
    yield from _of_image(str(config["Image"]))
    yield from _of_mounts(data, held)
    yield from _of_ports(data["HostConfig"])
    yield from _of_health(config.get("Healthcheck") or {})
    yield from _of_limits(data["HostConfig"])


def _of_passwords(variables: Mapping[str, str], command: list[str]) -> Iterator[str]:
    for name, value in variables.items():
        if not _SECRET.search(name) or name.endswith("_FILE") or not value:
            continue
        yield f"{name} is a variable, which everybody who may ask the engine sees"
        if f"{name}_FILE" in variables:
            yield f"both {name} and {name}_FILE are set: the image refuses to start a first time"
        if _is_known(value):
            yield f"{name} is a password that everybody knows"
    for option, value in pairwise(command):
        if _ON_COMMAND_LINE.match(option):
            yield f"{option} is followed by a password, which `docker inspect` and `ps` show"
            if _is_known(value):
                yield f"{option}: it is a password that everybody knows"


def _is_known(value: str) -> bool:
    return value.lower().removesuffix("_password").removesuffix("123").strip("_-") in _KNOWN


def _of_image(name: str) -> Iterator[str]:
    tag = name.partition("@")[0].rpartition("/")[2].partition(":")[2]
    if not tag or tag.split("-")[0] == "latest":
        yield f"{name} is another image tomorrow"


def _of_mounts(data: Mapping[str, Any], held: str) -> Iterator[str]:
    for mount in data["Mounts"]:
        source = str(mount.get("Source") or "")
        if mount["Type"] == "bind" and _TEMPORARY.match(source):
            yield f"{mount['Destination']} is {source} of the host, which a restart may empty"
        if source.endswith("docker.sock"):
            yield f"{mount['Destination']} is the engine's socket: who has this container has the host"
    if held:
        yield held


def _of_ports(host: Mapping[str, Any]) -> Iterator[str]:
    for inner, places in (host.get("PortBindings") or {}).items():
        for place in places or ():
            if (place.get("HostIp") or "") in _EVERYWHERE:
                yield f"{inner} is open on every address of the host, past its firewall"


def _of_health(check: Mapping[str, Any]) -> Iterator[str]:
    words = list(check.get("Test") or ())
    text = " ".join(words[1:])
    if not words or words == ["NONE"]:
        yield "nobody asks whether it is healthy"
    if _WRITES.search(text):
        yield "its health check writes into the server"
    if any(_ON_COMMAND_LINE.match(word) for word in text.split()):
        yield "its health check has a password in its command"


def _of_limits(host: Mapping[str, Any]) -> Iterator[str]:
    if not host.get("Memory"):
        yield "it may take all memory of its host"
    if host.get("Privileged"):
        yield "it is privileged: who has this container has the host"
    log = host.get("LogConfig") or {}
    if log.get("Type") == "json-file" and "max-size" not in (log.get("Config") or {}):
        yield "its log has no bound, and fills the disk"
    if ((host.get("RestartPolicy") or {}).get("Name") or "no") == "no":
        yield "nothing starts it again after a failure or a restart of the host"
