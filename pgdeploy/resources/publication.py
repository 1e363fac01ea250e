"""Publications: `publications:` of a database. Which tables one publishes is a migration's to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from pgdeploy.check import Outcome, Resource
from pgdeploy.resources import named
from pgdeploy.resources.named import Named, NamedFact, OwnedSpec

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec


class PublicationSpec(OwnedSpec):
    """A publication. `{}`: it exists."""

    all_tables: bool | None = Field(
        None, description="whether it is FOR ALL TABLES; fixed when it is made; left out: not checked"
    )


@dataclass(frozen=True, slots=True)
class Publication(Named[PublicationSpec]):
    """One entry of `publications:` in one database."""

    kind: ClassVar[str] = "publication"
    word: ClassVar[str] = "PUBLICATION"
    made_by: ClassVar[str] = "which tables it publishes is a migration's to say"
    lost: ClassVar[str] = "which tables it publishes; who subscribes to it gets no more changes"
    fields: ClassVar[tuple[str, ...]] = ("owner", "all_tables")

    def compare_trait(self, fact: NamedFact) -> Outcome:
        desired, actual = bool(self.spec.all_tables), fact.trait == "true"
        stuck = "it is fixed when a publication is made; let a migration drop it and make it anew"
        there = actual == desired
        return Outcome(there, _tables(desired), _tables(actual), stuck="" if there else stuck)


def _tables(every: bool) -> str:
    return "for all tables" if every else "for some tables"


def resources(spec: Spec) -> Iterator[Resource]:
    yield from named.entries(spec, "publications", Publication)
