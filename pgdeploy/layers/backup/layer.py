"""The layer of backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer
from pgdeploy.errors import Inapplicable

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.problem import Problem


class BackupLayer(Layer):
    """Its facts are what is in the repositories, of each engine."""

    name: ClassVar[str] = "backup"
    title: ClassVar[str] = "the backups"
    description: ClassVar[str] = (
        "checks of backups: their age, what they hold, and the last restore that was proved"
    )
    markers: ClassVar[Mapping[str, str]] = {"backup": "backups", "restore": "backups"}

    def section(self) -> Any:
        from pgdeploy.model.pgbackrest import BackupSpec

        return BackupSpec

    def declared_in(self, spec: Spec) -> bool:
        return self.of(spec) is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.backup.proved import Restores

        section = self.of(declared.spec)
        if section is None:
            return ()
        restores = Restores(declared.target, section.recovery.rto, section.recovery.restore_every)
        if section.engine == "pgbackrest":
            from pgdeploy.layers.backup.pgbackrest.check import clusters

            return (*clusters(declared.target, declared.spec, section), restores)
        from pgdeploy.layers.backup.check import Backups

        return Backups(declared.target, declared.spec, section), restores

    def problems(self, spec: Spec) -> Iterator[Problem]:
        section = self.of(spec)
        if section is None:
            return iter(())
        if section.engine == "pgbackrest":
            from pgdeploy.layers.backup.pgbackrest.problem import problems as of_cluster

            return of_cluster(spec, section)
        from pgdeploy.layers.backup.problem import problems

        return problems(spec, section)

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        section = self.of(declared.spec)
        if section.engine == "pgbackrest":
            return {"sections": {self.name: _of_host(declared.spec, section, server)}}
        from pgdeploy.layers.backup.repository import Repository

        contents = Repository(section.repository.path).contents(section.trusted)
        return {"sections": {self.name: contents}}


def _of_host(spec: Spec, section: Any, server: Server) -> Any:
    from pgdeploy.layers.backup.pgbackrest.read import read

    if server.host is None:
        return Inapplicable("pgBackRest runs on the server's host, which this way does not reach")
    return read(spec, section, server)
