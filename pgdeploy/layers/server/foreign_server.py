"""Foreign servers: `foreign_servers:` of a database. `ownership:` says whose they are, `grants:` who may use them.

Where one leads stands in its options, which are a migration's, and its passwords in user mappings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Outcome
from pgdeploy.layers.server import named
from pgdeploy.layers.server.named import Named, NamedFact
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.model.foreign_server import ForeignServerSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True)
class ForeignServer(Named[ForeignServerSpec]):
    """One entry of `foreign_servers:` in one database."""

    kind: ClassVar[str] = "foreign_server"
    word: ClassVar[str] = "SERVER"
    made_by: ClassVar[str] = "where it leads is a migration's to say"
    lost: ClassVar[str] = "its options, which say where it leads"
    fields: ClassVar[tuple[str, ...]] = ("wrapper",)

    def compare_trait(self, fact: NamedFact) -> Outcome:
        desired, there = self.spec.wrapper or "", fact.trait == self.spec.wrapper
        remedy = "it is fixed when a foreign server is made; let a migration make another"
        return Outcome(there, quoted_name(desired), quoted_name(fact.trait), remedy="" if there else remedy)

    def held_by(self, fact: NamedFact) -> str:
        if not fact.hanging:
            return ""
        return f"foreign tables and user mappings hang on it ({fact.hanging}); drop those first, which is not ours"


def resources(spec: Spec) -> Iterator[ServerResource]:
    yield from named.entries(spec, "foreign_servers", ForeignServer)
