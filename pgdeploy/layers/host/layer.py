"""The layer of the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem

NO_HOST = "no host access over --dsn"


class HostLayer(Layer):
    """What the host under the server says of itself, in one remote command."""

    name: ClassVar[str] = "host"
    title: ClassVar[str] = "the host"
    description: ClassVar[str] = "checks of the host under the server"
    requires: ClassVar[tuple[str, ...]] = ("vm",)
    markers: ClassVar[Mapping[str, str]] = {
        "guest": "guest",
        "package": "packages",
        "locale": "locales",
        "clock": "clock",
        "kernel": "kernel",
        "mount": "mounts",
        "file": "files",
        "cluster": "cluster",
        "service": "services",
        "socket": "sockets",
        "tls": "tls",
        "firewall": "firewall",
        "exporter": "exporter",
        "osuser": "osusers",
        "deployment": "deployment",
    }

    def declared_in(self, spec: Spec) -> bool:
        return spec.host is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.host.declared import declared_host
        from pgdeploy.layers.host.kinds import host_resources

        found = declared_host(declared)
        return () if found is None else host_resources(found)

    def probes(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.host.outside import probes

        return tuple(probes(declared.spec))

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.host.problem import problems

        return problems(spec)

    def inapplicable(self, server: Server) -> str | None:
        if server.kind == "embedded":
            return "an embedded server has no host of its own"
        return NO_HOST if server.host is None else None

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.host.declared import declared_host
        from pgdeploy.layers.host.question import question, script

        found = declared_host(declared)
        if found is None or server.host is None:
            return {}
        return {"sections": {self.name: server.host.ask(script(), question(found))}}
