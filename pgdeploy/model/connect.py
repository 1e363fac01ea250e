"""How the live server is reached: `connect:`."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import Local, LocalPath
from pgdeploy.spec.model import Identifier, Model
from pgdeploy.spec.text import shaped
from pgdeploy.text.name_pattern import CONTAINER, PROJECT, SSH_HOST, SSH_USER

AUTH_METHODS = frozenset({"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"})
"""What libpq's require_auth names."""


def _is_ssh_s(path: str) -> bool:
    """Whether ssh puts other text in place of a part of it: `%d` is the home folder."""
    return path.startswith(("%", "$"))


SshPath = Annotated[str, Local(unless=_is_ssh_s)]


class Ssh(Model):
    """How to reach the server's host by ssh."""

    host: Annotated[str, *shaped(*SSH_HOST)] = Field(description="a name or an address")
    user: Annotated[str, *shaped(*SSH_USER)] | None = Field(
        None, description="login name; default: what ssh itself takes"
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, description="default 22")
    key: SshPath | None = Field(None, description="file of the private key")
    known_hosts: SshPath | None = Field(None, description="file of host keys; an unknown host is refused")
    config: LocalPath | None = Field(None, description="an ssh_config file")

    @property
    def options(self) -> dict[str, Any]:
        """What `ssh_options` makes options of."""
        return self.model_dump(exclude={"host"})

    @field_validator("known_hosts")
    @classmethod
    def _one_file(cls, text: str | None) -> str | None:
        """ssh takes what blanks part for several files."""
        if text is not None and (not text.isprintable() or set(text) & set(" \"'")):
            raise PydanticCustomError("ssh", "the name of one file, without blanks and quotes")
        return text


class InContainer(Model):
    """A server in a container of Docker, by its name or by the labels of compose."""

    container: Annotated[str, *shaped(*CONTAINER)] | None = Field(
        None, description="its name, such as shop-db-1"
    )
    project: Annotated[str, *shaped(*PROJECT)] | None = Field(
        None, description="of compose, with `service:`: whatever the container is called"
    )
    service: Annotated[str, *shaped(*PROJECT)] | None = Field(None, description="of that project")
    user: Identifier = Field(
        "postgres", description="the superuser, who comes in by the socket in the container"
    )
    port: Annotated[int, Field(ge=1, le=65535)] = Field(5432, description="of the server in the container")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        named, labelled = self.container is not None, (self.project is not None, self.service is not None)
        if labelled != (not named, not named):
            raise PydanticCustomError("container", "name one way: `container:`, or `project:` and `service:`")
        return self


class ConnectSpec(Model):
    """How to reach the live server: by libpq, by ssh, or in a container."""

    dsn: str | None = Field(None, description="a libpq connection string, without a password")
    require_auth: str | None = Field(
        None,
        description="with `dsn:`: how the server may ask who we are, as libpq has it; default: !password,!md5",
    )
    ssh: Ssh | None = Field(None, description="over ssh, by peer authentication on the server's socket")

    docker: InContainer | None = Field(None, description="in a container, by the engine that `docker:` names")

    @field_validator("require_auth")
    @classmethod
    def _known_methods(cls, text: str | None) -> str | None:
        words = [word.strip() for word in text.split(",")] if text is not None else []
        refused = len({word.startswith("!") for word in words}) > 1
        if refused or not {word.removeprefix("!") for word in words} <= AUTH_METHODS:
            allowed = ", ".join(sorted(AUTH_METHODS))
            raise PydanticCustomError(
                "connect", "allowed: {allowed}, all or none with a !", {"allowed": allowed}
            )
        return text

    @model_validator(mode="after")
    def _one_way(self) -> ConnectSpec:
        if [self.dsn, self.ssh, self.docker].count(None) != 2:
            raise PydanticCustomError("connect", "name one way: `dsn:`, `ssh:` or `docker:`")
        if self.require_auth is not None and self.dsn is None:
            raise PydanticCustomError("connect", "`require_auth:` goes with `dsn:`")
        return self
