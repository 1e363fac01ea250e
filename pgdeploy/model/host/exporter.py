"""postgres_exporter: `host: exporter:`."""

from __future__ import annotations

from ipaddress import ip_address
from re import compile as pattern
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.spec.model import Identifier, Model
from pgdeploy.spec.text import checked, shaped
from pgdeploy.text.name_pattern import IMAGE
from pgdeploy.text.path import absolute

_listen = pattern(r"([0-9.]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]{1,15})?\]):([0-9]{1,5})").fullmatch
"""An IPv6 address may have a zone, the name of a network card: it becomes an argument of the exporter."""


class ExporterSpec(Model):
    """How it runs, where it listens, how it logs in."""

    run: Literal["service", "compose"] = Field(
        "service", description="service: the distribution's package under systemd; compose: a container"
    )
    listen: str = Field("127.0.0.1:9187", description="address:port")
    role: Identifier = Field(
        "postgres_exporter", description="a declared role that is a member of pg_monitor"
    )
    login: Literal["peer", "password"] = Field(
        "peer",
        description="peer: the unit runs as an OS user called like the role; password: the role's own, in a file",
    )
    image: Annotated[str, *shaped(*IMAGE)] | None = Field(
        None, description="for run: compose: the image with its version, never latest"
    )
    folder: Annotated[str, checked(absolute)] = Field(
        "/opt/postgres-exporter", description="for run: compose: of docker-compose.yaml"
    )

    @field_validator("listen")
    @classmethod
    def _address_and_port(cls, text: str) -> str:
        found = _listen(text)
        try:
            if found is None or not 1 <= int(found[2]) <= 65535:
                raise ValueError
            ip_address(found[1].strip("[]"))
            if (":" in found[1]) is not found[1].startswith("["):
                raise ValueError
        except ValueError:
            allowed = "allowed: an address and a port, such as 127.0.0.1:9187 or [::1]:9187"
            raise PydanticCustomError("listen", allowed) from None
        return text

    @model_validator(mode="after")
    def _image_has_version(self) -> ExporterSpec:
        if self.run == "service":
            if self.image is not None:
                raise PydanticCustomError("exporter", "`image:` goes with `run: compose`")
            return self
        name, _, tag = (self.image or "").rpartition("/")[2].partition(":")
        if not name or not tag or (tag == "latest" and "@sha256:" not in (self.image or "")):
            raise PydanticCustomError(
                "exporter", "`run: compose` needs `image:` with a version, and latest is none"
            )
        if self.login == "peer":
            raise PydanticCustomError(
                "exporter", "a container cannot log in by peer; write `login: password`"
            )
        return self

    @property
    def address(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def reach(self) -> str:
        """`address:port` by which the host itself reaches it."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not bound
        return f"{everywhere.get(self.address, self.listen.rpartition(':')[0])}:{self.port}"
