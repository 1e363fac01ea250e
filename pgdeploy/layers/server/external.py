"""Roles that others keep, such as a provider's: `state: external`. They must be there, and no change touches them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent, roles
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

KEEPER = "it is `state: external`: who keeps it must make it"


@dataclass(frozen=True, slots=True)
class ExternalRole(ServerResource):
    """One entry of `roles:` that somebody else makes and changes."""

    kind: ClassVar[str] = "role"
    role: str

    def checks(self) -> Iterator[Check]:
        address = f"role[{quoted_name(self.role)}]"
        yield Check(self, address, "exists", ("roles", self.role, "state"), self._compare)

    def _compare(self, facts: Facts) -> Outcome:
        there = self.role in facts.once(roles)
        return Outcome(there, "present", "present" if there else "absent", remedy=KEEPER)


def externals(spec: Spec) -> frozenset[str]:
    return frozenset(role for role, body in spec.roles.items() if body.state == "external")


def missing(spec: Spec, facts: Facts) -> Mapping[str, str]:
    """External roles that are not there, and what to say of all that needs one."""
    known = facts.once(roles)
    return {role: f"{absent(role, facts)}; {KEEPER}" for role in sorted(externals(spec) - known.keys())}
