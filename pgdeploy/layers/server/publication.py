"""Publications: `publications:` of a database. Which tables one publishes is a migration's to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl, named
from pgdeploy.layers.server.change import CREATE_FOR, OF_A_SUPERUSER
from pgdeploy.layers.server.membership import reach
from pgdeploy.layers.server.named import Named, NamedFact
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import roles
from pgdeploy.model.publication import PublicationSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


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
        remedy = "it is fixed when a publication is made; let a migration drop it and make it anew"
        there = actual == desired
        return Outcome(there, _tables(desired), _tables(actual), remedy="" if there else remedy)

    def needs_of(self, fact: NamedFact, new: str, facts: Facts) -> Iterator[str]:
        known = facts.once(roles).get(new)
        if known is not None and known.superuser:
            return
        if fact.trait == "true" or fact.hanging:
            yield OF_A_SUPERUSER
        key = acl.ObjectKey("database", None, self.database)
        if not acl.holds(facts, None, key, facts.once(reach, new, "inherit"), "CREATE"):
            yield CREATE_FOR.format(quoted_name(self.database), quoted_name(new))


def _tables(every: bool) -> str:
    return "for all tables" if every else "for some tables"


def resources(spec: Spec) -> Iterator[ServerResource]:
    yield from named.entries(spec, "publications", Publication)
