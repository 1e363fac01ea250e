"""Services: `services:`, containers of PostgreSQL, TimescaleDB and Redis that compose runs."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Size, Span
from pgdeploy.secret.reference import SECRET_TEXT, SecretRef
from pgdeploy.spec.model import FrozenMap, Identifier, Model
from pgdeploy.spec.text import shaped
from pgdeploy.text.name_pattern import (
    CONTAINER,
    HOST_PATH,
    IMAGE_DIGEST,
    IMAGE_TAG,
    PROJECT,
    PUBLISHED,
    VARIABLE,
)

Name = Annotated[str, *shaped(*PROJECT)]
Port: TypeAlias = Annotated[str, *shaped(*PUBLISHED)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]

DEFAULT_NETWORK = "default"
_SECRET_WORDS = ("PASSWORD", "SECRET", "TOKEN")


class HealthSpec(Model):
    """When the engine calls a container healthy. What is asked follows from its kind."""

    interval: Span = Field("10s", description="between two checks")
    timeout: Span = Field("5s", description="of one check")
    retries: Annotated[int, Field(ge=1, le=1000)] = Field(
        5, description="failures in a row until it is unhealthy"
    )
    start: Span = Field("1min", description="for which failures do not count after a start")


class LogSpec(Model):
    """What is kept of a container's output; without a limit it fills the disk."""

    size: Size = Field("10MB", description="of one file")
    files: Annotated[int, Field(ge=1, le=1000)] = Field(5, description="kept")


class TlsSpec(Model):
    """The certificate that the server shows."""

    certificate: LocalPath = Field(description="a file of certificates in PEM, the server's own first")
    key: SecretRef = Field(description="its private key in PEM")
    days_left: Span = Field("14d", description="for which it must still be valid")


class NetworkSpec(Model):
    """A network of the project."""

    internal: bool = Field(False, description="no way out of it")


class ServiceSpec(Model):
    """A container: what is the same of every kind."""

    image: Annotated[str, *shaped(*IMAGE_TAG)] = Field(description="the official image with its tag")
    digest: Annotated[str, *shaped(*IMAGE_DIGEST)] | None = Field(
        None, description="of the image; without it a tag may mean another image tomorrow"
    )
    max_age: Span | None = Field(
        None, description="of the image, since it was built: older ones lack patches"
    )
    ports: tuple[Port, ...] = Field((), description="where the host offers the server's own port")
    networks: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        (DEFAULT_NETWORK,), description="of the project"
    )
    memory: Size | None = Field(None, description="at most; without it one container takes all of the host")
    cpus: Annotated[float, Field(gt=0, le=4096)] | None = Field(None, description="at most")
    processes: Count | None = Field(None, description="at most, with threads")
    restart: Literal["no", "always", "unless-stopped", "on-failure"] = Field(
        "unless-stopped", description="what the engine does when it ends"
    )
    stop: Span = Field("1min", description="for which the engine waits before it kills it")
    health: HealthSpec = Field(default_factory=HealthSpec, description="when it is healthy")
    log: LogSpec = Field(default_factory=LogSpec, description="what is kept of its output")
    environment: FrozenMap[Annotated[str, *shaped(*VARIABLE)], str] = Field(
        default_factory=FrozenMap,
        description="variables that are no secret: everybody who may ask the engine sees them",
    )
    tls: TlsSpec | None = Field(None, description="left out: no TLS")
    password: SecretRef = Field(description="of the superuser, or of Redis's default user")
    volume: Annotated[str, *shaped(*CONTAINER)] | None = Field(
        None,
        description="a volume of the engine that exists and holds the data; left out: one of the project",
    )

    @field_validator("environment")
    @classmethod
    def _no_secret(cls, known: FrozenMap[str, str]) -> FrozenMap[str, str]:
        if refused := [name for name in known if any(word in name.upper() for word in _SECRET_WORDS)]:
            message = (
                "{name} may hold a secret, which `docker inspect` shows; passwords are files, by `password:`"
            )
            raise PydanticCustomError("environment", message, {"name": refused[0]})
        return known

    @field_validator("ports")
    @classmethod
    def _addresses_and_ports(cls, ports: tuple[str, ...]) -> tuple[str, ...]:
        for one in ports:
            address, _, port = one.rpartition(":")
            try:
                ip_address(address.strip("[]"))
            except ValueError:
                raise PydanticCustomError("port", "{text} is no address", {"text": address}) from None
            if int(port) > 65535:
                raise PydanticCustomError("port", "{port}: a port is at most 65535", {"port": one})
        return ports


class PostgresService(ServiceSpec):
    """PostgreSQL, or TimescaleDB in it. Settings, roles and databases are said as of any server."""

    kind: Literal["postgres", "timescaledb"] = Field(description="what the image is")
    superuser: Identifier = Field("postgres", description="whom the image makes")
    data: Annotated[str, *shaped(*HOST_PATH)] | None = Field(
        None,
        description="where the volume of the data is in the container; left out: as the official image has it",
    )
    shared_memory: Size = Field(
        "256MB", description="for parallel queries, which need more than the engine's 64MB"
    )


class RedisUserSpec(Model):
    """A user of Redis, by ACL."""

    password: SecretRef = Field(description="with which it logs in, and with no other one")
    rules: str = Field(description="as ACL SETUSER takes them, such as '~app:* +@read +@write -@dangerous'")

    @field_validator("rules")
    @classmethod
    def _only_rights(cls, text: str) -> str:
        for word in text.split():
            if word[0] in "><#!" or word.lower() in ("nopass", "resetpass", "reset", "on", "off"):
                # the word may be a password in the wrong place
                raise PydanticCustomError(
                    SECRET_TEXT, "who may log in is said by `password:`; rules are rights alone"
                )
            if word[0] not in "+-~&%(" and word.lower() not in _ACL_WORDS and not word.endswith(")"):
                raise PydanticCustomError(
                    "acl", "allowed: ~keys &channels +command -command +@category -@category"
                )
        return text


_ACL_WORDS = ("allkeys", "resetkeys", "allchannels", "resetchannels", "allcommands", "nocommands")


class RedisService(ServiceSpec):
    """Redis 7 or 8."""

    kind: Literal["redis"] = Field(description="what the image is")
    major: Literal[7, 8] = Field(8, description="the version of its settings")
    settings: FrozenMap[str, bool | int | str] = Field(
        default_factory=FrozenMap, description="as in redis.conf"
    )
    users: FrozenMap[Name, RedisUserSpec] = Field(
        default_factory=FrozenMap, description="beside default, who may do everything"
    )

    @field_validator("users")
    @classmethod
    def _not_default(cls, users: FrozenMap[str, RedisUserSpec]) -> FrozenMap[str, RedisUserSpec]:
        if "default" in users:
            raise PydanticCustomError("user", "the default user is ours, by `password:`; name another one")
        return users


AnyService: TypeAlias = Annotated[PostgresService | RedisService, Field(discriminator="kind")]


class ServicesSpec(Model):
    """One project of compose."""

    project: Name = Field(description="the name of the project; containers are called PROJECT-SERVICE-1")
    networks: FrozenMap[Name, NetworkSpec] = Field(
        default_factory=FrozenMap, description="beside the default one"
    )
    containers: FrozenMap[Name, AnyService] = Field(description="services by name")
    undeclared: Literal["drift", "ignore"] = Field(
        "drift", description="what to do about other containers of the project; none is ever removed"
    )

    @model_validator(mode="after")
    def _networks_are_declared(self) -> Self:
        known = {DEFAULT_NETWORK, *self.networks}
        for name, service in self.containers.items():
            for one in service.networks:
                if one not in known:
                    raise PydanticCustomError(
                        "network",
                        "{service}: network {network} is not declared; declared: {known}",
                        {"service": name, "network": one, "known": ", ".join(sorted(known))},
                    )
        taken: dict[str, str] = {}
        for name, service in self.containers.items():
            for port in service.ports:
                if (other := taken.setdefault(port, name)) != name:
                    raise PydanticCustomError(
                        "port",
                        "{service}: {port} is {other}'s",
                        {"service": name, "port": port, "other": other},
                    )
        return self
