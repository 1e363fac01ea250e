"""The layer of the PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer

if TYPE_CHECKING:
    from pgdeploy.core.capture import Captured
    from pgdeploy.core.check import Finding
    from pgdeploy.core.facts import Facts
    from pgdeploy.core.layer import Site
    from pgdeploy.layers.server.resource import ServerResource
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


class ServerLayer(Layer):
    """What the catalogues say: settings, roles, databases and all in them, pg_hba.conf."""

    name: ClassVar[str] = "server"
    title: ClassVar[str] = "the server"
    requires: ClassVar[tuple[str, ...]] = ("vm",)
    markers: ClassVar[Mapping[str, str]] = {
        "setting": "settings",
        "role": "roles",
        "membership": "memberships",
        "tablespace": "tablespaces",
        "database": "databases",
        "schema": "schemas",
        "extension": "extensions",
        "ownership": "ownership",
        "grant": "grants",
        "default_privilege": "default_privileges",
        "row_security": "row_security",
        "publication": "publications",
        "event_trigger": "event_triggers",
        "foreign_server": "foreign_servers",
        "ident": "ident",
        "hba": "hba",
        "server": "server",
    }

    def declared_in(self, spec: Spec) -> bool:
        return True

    def resources(self, declared: Declared) -> tuple[ServerResource, ...]:
        from pgdeploy.layers.server.kinds import resources

        return resources(declared.spec)

    def probes(self, declared: Declared) -> tuple[ServerResource, ...]:
        from pgdeploy.layers.server.probes.kinds import probes

        return probes(declared.spec)

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.server.problems.kinds import problems

        return problems(spec)

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.server.reading import queries, read_sql, scope

        return read_sql(server, queries(declared.spec), scope(declared.spec))

    def unread(self, reason: str) -> Mapping[str, Any]:
        return {"lost": reason}

    def complete(self, declared: Declared, facts: Facts) -> Facts:
        if not facts.refused:
            return facts
        from pgdeploy.layers.server.shut import with_shut

        return with_shut(self.resources(declared), facts)

    def remedy(self, finding: Finding, site: Site) -> str:
        from pgdeploy.layers.server.remedy import remedy

        return remedy(finding, site.facts)

    captures: ClassVar[bool] = True

    def capture(self, server: Server) -> Captured:
        from pgdeploy.layers.server.capture.section import capture

        return capture(server)
