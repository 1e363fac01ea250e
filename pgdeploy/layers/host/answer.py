"""PostgreSQL answers: the parent of everything that is asked in SQL, where the host says that its unit runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.host import service
from pgdeploy.layers.host.resource import HostResource

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost


@dataclass(frozen=True, slots=True)
class Answer(HostResource):
    """One connection to the server."""

    kind: ClassVar[str] = "server"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        yield Check(self, "server[postgres]", "answers", ("postgres",), self._compare)

    def parents(self, check: Check) -> Iterator[Check]:
        yield service.active(self.declared)

    def _compare(self, facts: Facts) -> Outcome:
        log = (
            f"journalctl -u {self.declared.layout.unit}, and the log in {self.declared.layout.log_directory}"
        )
        return same("PostgreSQL answers", facts.lost or "PostgreSQL answers", remedy=f"look into {log}")


def answers(declared: DeclaredHost) -> Check:
    """The one check of it."""
    return next(Answer(declared).checks())


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield Answer(declared)
