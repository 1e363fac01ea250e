"""The server's major version: `postgres:` in the spec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.resource import ServerResource

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True)
class Version(ServerResource):
    """The major version; nothing but an upgrade changes it."""

    kind: ClassVar[str] = "server"
    major: int

    def checks(self) -> Iterator[Check]:
        yield Check(self, "server[postgres]", "major", ("postgres",), self._compare)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        return facts.server.inapplicable("server", "postgres", str(self.major)) if facts.server else None

    def _compare(self, facts: Facts) -> Outcome:
        actual = facts.about.major
        remedy = "upgrade the server, or let the spec say what it is"
        return Outcome(actual == self.major, str(self.major), str(actual), remedy=remedy)


def resources(spec: Spec) -> Iterator[ServerResource]:
    yield Version(spec.postgres)
