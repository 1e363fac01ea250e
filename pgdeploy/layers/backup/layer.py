"""The layer of backups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.model import Model
    from pgdeploy.spec.problem import Problem


class BackupLayer(Layer):
    """Its facts are the contents of the repository."""

    name: ClassVar[str] = "backup"
    title: ClassVar[str] = "the backups"
    description: ClassVar[str] = (
        "checks of backups: their age, what they hold, and the last restore that was proved"
    )
    markers: ClassVar[Mapping[str, str]] = {"backup": "backups", "restore": "backups"}

    def section(self) -> type[Model]:
        from pgdeploy.model.backup import BackupSpec

        return BackupSpec

    def declared_in(self, spec: Spec) -> bool:
        return self.of(spec) is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.backup.check import backups

        return backups(declared.target, declared.spec, self.of(declared.spec))

    def problems(self, spec: Spec) -> Iterator[Problem]:
        from pgdeploy.layers.backup.problem import problems

        return problems(spec, self.of(spec))

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.backup.repository import Repository

        section = self.of(declared.spec)
        contents = Repository(section.repository.path).contents(section.trusted)
        return {"sections": {self.name: contents}}
