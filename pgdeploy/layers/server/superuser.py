"""Who can be a superuser: a role with SUPERUSER, or a member of one. One that the spec does not know is drift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.core.step import Risk
from pgdeploy.layers.server.change import Change, Stage, TakenAway, ident, statements
from pgdeploy.layers.server.membership import by_member, granted_by, memberships
from pgdeploy.layers.server.provider import provided
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import BOOTSTRAP, roles
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True)
class Superusers(ServerResource):
    """The superusers beyond the spec. The one that initdb made is the server's own and always there."""

    kind: ClassVar[str] = "role"
    declared: frozenset[str]

    def checks(self) -> Iterator[Check]:
        yield Check(self, "role[superusers]", "undeclared", ("roles",), self._compare, "undeclared")

    def _compare(self, facts: Facts) -> Outcome:
        ways = [" -> ".join(map(quoted_name, way)) for way in facts.once(_undeclared, self.declared)]
        return Outcome(not ways, "no superuser that the spec does not declare", listing(ways))

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        for way in facts.once(_undeclared, self.declared) if drifts else ():
            role = ident(way[0])
            texts = _revocations(way, facts) if len(way) > 1 else [f"ALTER ROLE {role} NOSUPERUSER"]
            lost = f"superuser rights of {quoted_name(way[0])}"
            yield Change(
                Stage.ROLE,
                statements(*texts),
                (drifts[0].check.id,),
                risk=Risk.DESTRUCTIVE,
                lost=lost,
                taken=TakenAway(memberships=len(texts) if len(way) > 1 else 0),
                needs=("superuser",),
            )


def _revocations(way: tuple[str, ...], facts: Facts) -> list[str]:
    """Each grantor's own grant, and what the member has passed on of it, which would keep it."""
    member, role = way[:2]
    return [
        f"REVOKE {ident(role)} FROM {ident(member)}{granted_by(row.grantor, facts)} CASCADE"
        for row in facts.once(by_member)[member]
        if row.role == role
    ]


def _undeclared(facts: Facts, declared: frozenset[str]) -> list[tuple[str, ...]]:
    """For each undeclared role that can be superuser: the way there, from it to a role with SUPERUSER."""
    known = facts.once(roles)
    ways: dict[str, tuple[str, ...]] = {role.name: (role.name,) for role in known.values() if role.superuser}
    members: dict[str, list[str]] = {}
    for row in facts.once(memberships):
        members.setdefault(row.role, []).append(row.member)
    unvisited = list(ways)
    while unvisited:
        group = unvisited.pop()
        for member in members.get(group, ()):
            if member not in ways:
                ways[member] = (member, *ways[group])
                unvisited.append(member)
    expected = declared | facts.once(provided)
    return [way for role, way in ways.items() if role not in expected and known[role].oid != BOOTSTRAP]


def resources(spec: Spec) -> Iterator[ServerResource]:
    named = (role for role, body in spec.roles.items() if body.state != "absent")
    yield Superusers(frozenset(named))
