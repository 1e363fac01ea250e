"""Who owns objects in a database: `ownership:` of a database, one object or all of a kind in a schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from pgdeploy.change import Change, Stage, ident, statements
from pgdeploy.check import Check, Finding, Outcome, Resource, listing, name
from pgdeploy.facts import Facts
from pgdeploy.resources import acl, database, schema
from pgdeploy.resources.object import KEYWORD, MAKE_IT, Object, clause, shown
from pgdeploy.resources.role import absent
from pgdeploy.spec.model import Identifier, Model

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec
    from pgdeploy.spec.place import Keys


_ALTER = {"foreign_server": "SERVER"}
"""Where ALTER names a kind of object otherwise than GRANT does."""


class OwnershipSpec(Model):
    """Who owns one object, or all objects of a kind in a schema."""

    on: Object = Field(description="the object, or `{all: tables, schema: NAME}`")
    owner: Identifier = Field(description="the role that owns it")


@dataclass(frozen=True, slots=True)
class Ownership(Resource):
    """One line of `ownership:` in one database."""

    kind: ClassVar[str] = "ownership"
    database: str
    spec: OwnershipSpec
    keys: Keys

    @property
    def address(self) -> str:
        return f"ownership[{name(self.database)}: {self.spec.on.text}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "owner", self.keys, self._compare)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts) or absent(self.spec.owner, facts)
        if missing is None and self.spec.on.schema_ is not None:
            missing = schema.absent(self.database, self.spec.on.schema_, facts)
        return missing

    def _others(self, facts: Facts) -> dict[acl.ObjectKey, str]:
        """Objects that somebody else owns, and who does."""
        known = facts.once(acl.owners, self.database)
        free = facts.once(acl.free_standing, self.database)
        keys = (
            key for key in self.spec.on.keys_in(facts, self.database) if not self.spec.on.all or key in free
        )
        return {key: known[key] for key in keys if key in known and known[key] != self.spec.owner}

    def _compare(self, facts: Facts) -> Outcome:
        desired = name(self.spec.owner)
        if not self.spec.on.all and not any(
            key in facts.once(acl.owners, self.database) for key in self.spec.on.keys_in(facts, self.database)
        ):
            return Outcome(False, desired, "no such object", stuck=MAKE_IT)
        others = self._others(facts)
        actual = listing(f"{shown(key)}: {name(owner)}" for key, owner in others.items())
        return Outcome(not others, desired, actual if others else desired)

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        causes = tuple(drift.check.id for drift in drifts if not drift.stuck)
        texts = [
            f"ALTER {_ALTER.get(key.kind, KEYWORD[key.kind])} {clause(key)} OWNER TO {ident(self.spec.owner)}"
            for key in self._others(facts)
        ]
        if causes and texts:
            roles = (self.spec.owner, *sorted(set(self._others(facts).values())))
            yield Change(Stage.OWNERSHIP, statements(*texts), causes, database=self.database, acts_as=roles)


def resources(spec: Spec) -> Iterator[Resource]:
    for target in spec.databases:
        for source, body in database.inherited(spec, target):
            for index, line in enumerate(body.ownership):
                yield Ownership(target, line, ("databases", source, "ownership", index))
