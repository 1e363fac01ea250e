"""`services:` from a project of compose that others made: what of its containers a spec can say, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.core.capture import Secrets, Taken
from pgdeploy.errors import TargetError
from pgdeploy.layers.service.fault import faults
from pgdeploy.layers.service.field import mount_of
from pgdeploy.layers.service.reading import copied, inspected, inspected_images
from pgdeploy.layers.service.redis.taken import settings_of
from pgdeploy.model.service import DEFAULT_NETWORK
from pgdeploy.reach.docker import SERVICE
from pgdeploy.spec.writing import Remark

if TYPE_CHECKING:
    from pgdeploy.reach.docker import Engine
    from pgdeploy.spec.writing import Written

_UNITS = {"TB": 1 << 40, "GB": 1 << 30, "MB": 1 << 20, "kB": 1 << 10, "B": 1}
_OURS = re.compile(r"POSTGRES_(?:USER|DB|INITDB_ARGS|HOST_AUTH_METHOD|PASSWORD(?:_FILE)?)")
"""Variables that the spec says in other words, or that matter to a first start alone."""
_PLAIN = re.compile(
    r"TZ|PGTZ|LANG|LANGUAGE|LC_[A-Z]+|PGDATA|NO_TS_TUNE|TS_TUNE_[A-Z_]+|TIMESCALEDB_[A-Z_]+|MALLOC_[A-Z_]+"
)
"""Variables that hold no secret; a password may be in any other, such as the URL of a server."""
_PORTS = {"postgres": 5432, "timescaledb": 5432, "redis": 6379}
_NUMBER = re.compile(r"\d+")


def taken(engine: Engine, project: str) -> Taken:
    """What there is of a project.

    Raises:
        TargetError: the engine does not answer, or has no such project.
    """
    found = inspected(engine, project)
    if not found:
        raise TargetError(
            f"{engine.address}: has no containers of a project {project}; `docker compose ls -a` lists them"
        )
    images = inspected_images(engine, [str(one["Image"]) for one in found])
    secrets = Secrets()
    containers: dict[str | Remark, Written] = {}
    told: list[str] = []
    servers: dict[str, str] = {}
    networks: dict[str, bool] = {}
    for one in sorted(found, key=lambda one: str(one["Name"])):
        service = _Service(project, one, images.get(str(one["Image"]), {}), engine)
        if service.kind is None:
            told.append(f"{service.name}: is neither PostgreSQL nor Redis, and is left out")
            continue
        wrong = [*faults(one, service.image, service.held), *service.apart]
        told += [f"service[{service.name}]: {text}" for text in wrong]
        containers |= {Remark(f"{service.name}: {text}"): None for text in wrong}
        containers[service.name] = service.body(secrets)
        if service.kind != "redis":
            servers[str(one["Name"]).lstrip("/")] = service.superuser
        networks |= dict.fromkeys(service.networks, False)
    section: dict[str | Remark, Written] = {"project": project}
    named = _networks(engine, project, [name for name in networks if name != DEFAULT_NETWORK])
    if named:
        section["networks"] = named
    section["containers"] = containers
    if any(_Service(project, one, {}, engine).kind is None for one in found):
        section["undeclared"] = "ignore"
    return Taken({"services": section}, secrets.named, servers, tuple(told))


def _networks(engine: Engine, project: str, names: Sequence[str]) -> dict[str, Written]:
    found: dict[str, Written] = {}
    for name in names:
        done = engine.attempt("network", "inspect", "-f", "{{.Internal}}", f"{project}_{name}")
        found[name] = {"internal": True} if done.stdout.strip() == b"true" else {}
    return found


class _Service:
    """One container, and what of it a spec says."""

    def __init__(
        self, project: str, data: Mapping[str, Any], image: Mapping[str, Any], engine: Engine
    ) -> None:
        self.project, self.data, self.image, self._engine = project, data, image, engine
        self.config, self.host = data["Config"], data["HostConfig"]
        self.name = str(self.config["Labels"][SERVICE])
        self.variables = dict(line.partition("=")[::2] for line in self.config.get("Env") or ())

    @property
    def kind(self) -> str | None:
        """By what the image says of itself, by its name, and by what it runs: a backup beside it has the same image."""
        name = str(self.config["Image"]).partition("@")[0].rpartition("/")[2].partition(":")[0]
        words = [*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ())]
        text = " ".join(words)
        if "PG_MAJOR" in self.variables or "postgres" in name or "timescale" in name:
            runs = "postgres" in words or " -" in text
            return ("timescaledb" if "timescale" in name else "postgres") if runs else None
        return "redis" if "redis-server" in text else None

    @property
    def superuser(self) -> str:
        return str(self.variables.get("POSTGRES_USER", "postgres"))

    @property
    def networks(self) -> list[str]:
        prefix = f"{self.project}_"
        return [
            name.removeprefix(prefix)
            for name in self.data["NetworkSettings"]["Networks"]
            if name.startswith(prefix)
        ]

    @property
    def apart(self) -> Iterator[str]:
        """Networks that a spec cannot say."""
        for name in self.data["NetworkSettings"]["Networks"]:
            if not name.startswith(f"{self.project}_"):
                yield f"it is in the network {name}, which is not of the project: a spec cannot keep it there"

    @property
    def _folder(self) -> str:
        return "/data" if self.kind == "redis" else self.variables.get("PGDATA", "/var/lib/postgresql/data")

    @property
    def _mount(self) -> Mapping[str, Any] | None:
        """What holds its data."""
        return mount_of(self.data["Mounts"], self._folder)

    @property
    def held(self) -> str:
        """Why its data is not safe, or cannot be taken over; empty where it is in a volume with a name."""
        mount = self._mount
        if mount is None:
            return f"its data is in the container itself ({self._folder}), and goes with it"
        if mount["Type"] != "volume":
            return (
                f"its data is {mount.get('Source')} of the host: copy it into a volume, which `volume:` names"
            )
        if re.fullmatch(r"[0-9a-f]{64}", str(mount["Name"])):
            return "its data is in a volume without a name, which `docker compose down -v` and a prune remove"
        return ""

    def body(self, secrets: Secrets) -> Mapping[str | Remark, Written]:
        """As a spec has it."""
        kind = str(self.kind)
        found: dict[str | Remark, Written] = {"kind": kind, "image": self._image_name()}
        found |= dict(self._digest())
        if kind != "redis" and self.superuser != "postgres":
            found["superuser"] = self.superuser
        whose = f"{self.project}_{self.name}" if kind == "redis" else self.superuser  # as its role has it
        found["password"] = secrets.reference(f"{whose}_password", f"the password of service {self.name}")
        found |= dict(self._data())
        found |= dict(self._reached(kind))
        found |= dict(self._limits(kind))
        found |= dict(self._life())
        found |= dict(self._environment())
        if kind == "redis":
            found |= dict(self._redis())
        return found

    def _image_name(self) -> str:
        name = str(self.config["Image"]).partition("@")[0]
        return name if ":" in name.rpartition("/")[2] else f"{name}:latest"

    def _digest(self) -> Iterator[tuple[str, Written]]:
        repository = self._image_name().rpartition(":")[0]
        for one in self.image.get("RepoDigests") or ():
            if one.partition("@")[0] == repository:
                yield "digest", str(one).partition("@")[2]

    def _data(self) -> Iterator[tuple[str, Written]]:
        mount = self._mount
        if mount is not None and mount["Type"] == "volume":
            if mount["Name"] != f"{self.project}_{self.name}-data":
                yield "volume", str(mount["Name"])
            if self.kind != "redis" and mount["Destination"] != "/var/lib/postgresql/data":
                yield "data", str(mount["Destination"])

    def _reached(self, kind: str) -> Iterator[tuple[str, Written]]:
        ports = []
        for place in (self.host.get("PortBindings") or {}).get(f"{_PORTS[kind]}/tcp") or ():
            if not place.get("HostPort"):
                continue  # another one after each start
            address = place.get("HostIp") or "0.0.0.0"  # noqa: S104 - what the engine means by nothing
            ports.append(f"{f'[{address}]' if ':' in address else address}:{place['HostPort']}")
        if ports:
            yield "ports", ports
        if self.networks not in ([], [DEFAULT_NETWORK]):
            yield "networks", self.networks

    def _limits(self, kind: str) -> Iterator[tuple[str, Written]]:
        if memory := self.host.get("Memory"):
            yield "memory", _size(memory)
        if cpus := self.host.get("NanoCpus"):
            yield "cpus", cpus / 1e9
        if (processes := self.host.get("PidsLimit") or 0) > 0:
            yield "processes", processes
        if kind != "redis" and (shared := self.host.get("ShmSize") or 0) > _UNITS["MB"] * 64:
            yield "shared_memory", _size(shared)

    def _life(self) -> Iterator[tuple[str, Written]]:
        policy = str(self.host["RestartPolicy"]["Name"] or "no")
        if policy != "unless-stopped":
            yield "restart", policy
        check = self.config.get("Healthcheck") or {}
        words = {"interval": "Interval", "timeout": "Timeout", "start": "StartPeriod"}
        health: dict[str | Remark, Written] = {
            key: f"{check[word] / 1e9:g}s" for key, word in words.items() if check.get(word)
        }
        if check.get("Retries"):
            health["retries"] = int(check["Retries"])
        if health and (check.get("Test") or ["NONE"]) != ["NONE"]:
            yield "health", health

    def _environment(self) -> Iterator[tuple[str | Remark, Written]]:
        own = set((self.image.get("Config") or {}).get("Env") or ())
        names = [line.partition("=")[0] for line in self.config.get("Env") or () if line not in own]
        if known := {name: self.variables[name] for name in names if _PLAIN.fullmatch(name)}:
            yield "environment", known
        if others := [name for name in names if not _PLAIN.fullmatch(name) and not _OURS.fullmatch(name)]:
            yield Remark(f"variables that are set there and may hold a secret: {', '.join(others)}"), None

    def _redis(self) -> Iterator[tuple[str | Remark, Written]]:
        version = self.variables.get("REDIS_VERSION") or self._image_name().rpartition(":")[2]
        number = _NUMBER.match(version)
        major = 7 if number is not None and int(number[0]) == 7 else 8
        if major != 8:
            yield "major", major
        command = [*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ())]
        settings, others = settings_of(command, self._read, major)
        if settings:
            switches = {"yes": True, "no": False}
            yield "settings", {name: switches.get(value, value) for name, value in settings.items()}
        if others:
            yield (
                Remark(f"also set there, and said here in other words or not at all: {', '.join(others)}"),
                None,
            )

    def _read(self, path: str) -> str:
        """A file of the container; empty where it has none."""
        name = str(self.data["Name"]).lstrip("/")
        return "".join(text.decode(errors="replace") for _, text in copied(self._engine, name, path))


def _size(number: int) -> str:
    """In the largest unit that says it without a rest."""
    unit = next(unit for unit, factor in _UNITS.items() if number % factor == 0)
    return f"{number // _UNITS[unit]}{unit}"
