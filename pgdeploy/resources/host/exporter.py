"""postgres_exporter: what Prometheus asks. It runs under systemd, or in a container where the spec says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.check import Check, Outcome, Resource, name
from pgdeploy.resources.host.resource import HostResource, same, section

if TYPE_CHECKING:
    from pgdeploy.facts import Facts
    from pgdeploy.resources.host.declared import DeclaredHost

from ipaddress import ip_address
from re import compile as pattern
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.format.name import IMAGE
from pgdeploy.format.path import absolute
from pgdeploy.spec.model import Identifier, Model
from pgdeploy.spec.text import checked, shaped

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


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exporter(HostResource):
    """What it says of itself where Prometheus would ask; and of its container, where it has one."""

    kind: ClassVar[str] = "exporter"
    declared: DeclaredHost
    spec: ExporterSpec

    def checks(self) -> Iterator[Check]:
        address, keys = f"exporter[{name(self.spec.role)}]", ("host", "exporter")
        if self.spec.run == "compose":
            yield Check(self, address, "container", (*keys, "run"), self._container)
            yield Check(self, address, "image", (*keys, "image"), self._image)
            yield Check(self, address, "restart", (*keys, "run"), self._restart)
        yield Check(self, address, "metrics", (*keys, "listen"), self._metrics)
        yield Check(self, address, "pg_up", (*keys, "role"), self._up)
        yield Check(self, address, "scrape_error", keys, self._error)

    def parents(self, check: Check) -> Iterator[Check]:
        from pgdeploy.resources.host import answer, socket

        known = {each.field: each for each in self.checks()}
        if check.field in ("image", "restart"):
            yield known["container"]
        elif check.field == "metrics":
            port = socket.exporter(self.declared)
            yield from port.checks() if port is not None else ()
        elif check.field != "container":
            yield known["metrics"]
            yield answer.answers(self.declared)
        if check.field == "scrape_error":
            yield known["pg_up"]

    def _container(self, facts: Facts) -> Outcome:
        known = section(facts, "container")
        actual = "absent" if known is None else known["state"]
        return same("running", actual, stuck=self._stuck)

    def _image(self, facts: Facts) -> Outcome:
        return same(str(self.spec.image), section(facts, "container")["image"], stuck=self.declared.deploy)

    def _restart(self, facts: Facts) -> Outcome:
        return same(RESTART, section(facts, "container")["restart"], stuck=self.declared.deploy)

    def _metrics(self, facts: Facts) -> Outcome:
        known = section(facts, "exporter")
        actual = f"HTTP {known['status']}" if known["status"] is not None else known["why"]
        return same("HTTP 200", actual, origin=f"http://{self.spec.reach}/metrics", stuck=self._stuck)

    def _up(self, facts: Facts) -> Outcome:
        actual = section(facts, "exporter")["pg_up"]
        return same("1", "not said" if actual is None else f"{actual:g}", stuck=self._stuck)

    def _error(self, facts: Facts) -> Outcome:
        actual = section(facts, "exporter")["scrape_error"]
        return same("0", "not said" if actual is None else f"{actual:g}", stuck=self._stuck)

    @property
    def _stuck(self) -> str:
        compose = self.spec.run == "compose"
        log = f"docker logs {CONTAINER}" if compose else f"journalctl -u {PACKAGE}"
        return f"{log} says why; {self.declared.deploy}"


PACKAGE = "prometheus-postgres-exporter"
"""Debian's, whose unit has its name."""

CONTAINER = "postgres_exporter"
"""Its name, and its compose project's, wherever the folder is."""

RESTART = "unless-stopped"
"""Docker's word for: at boot, and after every failure, but not after somebody stopped it."""


def container(declared: DeclaredHost) -> Check | None:
    """Whether its container runs; None where it has none."""
    spec = declared.host.exporter
    if spec is None or spec.run != "compose":
        return None
    return next(Exporter(declared, spec).checks())


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.exporter is not None:
        yield Exporter(declared, declared.host.exporter)
