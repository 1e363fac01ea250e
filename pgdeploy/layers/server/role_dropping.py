"""Roles that go: which may be dropped, and what becomes of what they hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import COPIED, Facts
from pgdeploy.core.step import Risk
from pgdeploy.layers.server import exact
from pgdeploy.layers.server.change import Change, Stage, TakenAway, ident, statements
from pgdeploy.layers.server.leaving import take_back
from pgdeploy.layers.server.provider import provided
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import (
    ADMIN_SINCE,
    BOOTSTRAP,
    HELD,
    HeldFact,
    roles,
)
from pgdeploy.model.role import RoleSpec
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True)
class Leaving:
    """The roles that a plan drops."""

    absent: frozenset[str]
    declared: frozenset[str]
    policy: str
    """What `undeclared:` says of roles."""
    templates: Mapping[str, str]
    """What each declared database is a copy of."""

    def copies(self, places: Collection[str], facts: Facts) -> Iterator[str]:
        """Databases that the plan makes as copies of these: what a role has there it has in them, too."""
        there = {*facts.rows_of_databases, *facts.closed}
        holding = set(places)
        new = {copy: template for copy, template in self.templates.items() if copy not in there}
        while found := [copy for copy, template in new.items() if template in holding]:
            yield from found
            holding |= set(found)
            new = {copy: template for copy, template in new.items() if copy not in holding}

    def names(self, facts: Facts) -> frozenset[str]:
        return facts.once(_going, self.absent, self.declared, self.policy)


def _going(facts: Facts, absent: frozenset[str], declared: frozenset[str], policy: str) -> frozenset[str]:
    more = facts.once(others, declared) if policy == "drift" else ()
    return ((absent & facts.once(roles).keys()) | frozenset(more)) - {facts.about.user}


def leaving(spec: Spec) -> Leaving:
    absent = frozenset(role for role, body in spec.roles.items() if body.state == "absent")
    templates = {name: body.from_template or COPIED for name, body in spec.databases.items()}
    groups = (entry for body in spec.roles.values() for entry in body.member_of)
    named = {entry if isinstance(entry, str) else entry.role for entry in groups}
    return Leaving(absent, frozenset(spec.roles) | named, spec.undeclared.roles, templates)


@dataclass(frozen=True, slots=True)
class AbsentRole(ServerResource):
    """A role that must not exist: `state: absent`, or one that `undeclared: {roles: drift}` forbids."""

    kind: ClassVar[str] = "role"
    role: str
    spec: RoleSpec
    leaving: Leaving

    def checks(self) -> Iterator[Check]:
        yield Check(
            self, f"role[{quoted_name(self.role)}]", "absent", ("roles", self.role, "state"), self._compare
        )

    def _compare(self, facts: Facts) -> Outcome:
        there = self.role in facts.once(roles)
        remedy = cannot_drop(self.role, self.spec.reassign_owned_to, facts) if there else ""
        return Outcome(not there, "absent", "present" if there else "absent", remedy=remedy)

    def unread_places(self, facts: Facts) -> Collection[str]:
        return unread_places(self.role, facts)

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        if drifts and not drifts[0].remedy:
            yield from drop(self.role, self.spec.reassign_owned_to, self.leaving, facts, drifts[0].check.id)


def _held(facts: Facts) -> Mapping[str, list[HeldFact]]:
    """What each role holds, by its name: there may be as many roles as somebody with CREATEROLE likes."""
    found: dict[str, list[HeldFact]] = {}
    for row in facts.rows(HELD):
        found.setdefault(row.role, []).append(row)
    return found


def unread_places(role: str, facts: Facts) -> list[str]:
    """Databases that it holds something in and that could not be read: what others granted there is not known."""
    places = {row.database for row in facts.once(_held).get(role, ()) if row.database is not None}
    return sorted(places & facts.refused.keys())


def cannot_drop(role: str, heir: str | None, facts: Facts) -> str:
    """Why dropping is refused: a role that owns things is never dropped without an heir."""
    if facts.once(roles)[role].oid == BOOTSTRAP:
        return "the superuser that initdb made cannot be dropped"
    if role == facts.about.user:
        return "it makes this plan: apply as another login, or declare it"
    held = facts.once(_held).get(role, [])
    places = {row.database for row in held if row.database is not None}
    if closed := places & facts.closed:
        return (
            f"it holds something in {listing(map(quoted_name, closed))}, which lets nobody in to take it away"
        )
    if unread := unread_places(role, facts):
        why = "; ".join(facts.refused[place] for place in unread)
        return f"it holds something in {listing(map(quoted_name, unread))}, which could not be read: {why}"
    owned = sum(row.owned for row in held)
    if owned and heir is None:
        return f"it owns {owned} objects; name who gets them with `state: absent` and `reassign_owned_to:`"
    return ""


def drop(role: str, heir: str | None, leaving: Leaving, facts: Facts, cause: str) -> Iterator[Change]:
    """REASSIGN OWNED and DROP OWNED act on one database and on what is shared: so in each, then DROP ROLE."""
    held = facts.once(_held).get(role, [])
    lost = f"role {quoted_name(role)}, its password and its privileges on {sum(row.granted for row in held)} objects"
    if named := sum(row.named for row in held):
        lost += f", and its part in {named} policies, user mappings or first privileges"
    if heir:
        lost += f"; what it wrote runs with the rights of {quoted_name(heir)} from then on"
        texts = [f"REASSIGN OWNED BY {ident(role)} TO {ident(heir)}", f"DROP OWNED BY {ident(role)}"]
    else:
        texts = _without_heir(role, facts)
    # a role that may not be dropped keeps what it has
    needs: tuple[str, ...] = ("createrole", f"ADMIN OPTION on {role}")
    if facts.once(roles)[role].superuser:
        needs = (*needs, "superuser")
    yield from take_back(role, leaving.names(facts), facts, cause, lost, needs)
    places = {row.database for row in held if row.database is not None}
    if any(row.database is None for row in held) and not places:
        places = {None}  # type: ignore[arg-type]
    places |= set(leaving.copies({place for place in places if place}, facts))
    for database in sorted(places, key=str):
        yield Change(
            Stage.DROP,
            statements(*texts),
            (cause,),
            database=database,
            risk=Risk.DESTRUCTIVE,
            lost=lost,
            acts_as=(role, heir) if heir else (role,),
            needs=needs,
        )
    yield Change(
        Stage.DROP_ROLE,
        statements(f"DROP ROLE {ident(role)}"),
        (cause,),
        risk=Risk.DESTRUCTIVE,
        lost=lost,
        taken=TakenAway(roles=1),
        needs=needs,
    )


def _without_heir(role: str, facts: Facts) -> list[str]:
    """It owned nothing when the plan was made. What it has made since goes to a role that then cannot be dropped:
    the transaction fails, and the role keeps it.
    """
    nobody = ident(facts.once(_nobody))
    # from 16 a login that is NOINHERIT has nothing by a plain GRANT; before, it may not take roles at all
    options = " WITH INHERIT TRUE, SET TRUE" if facts.about.major >= ADMIN_SINCE else ""
    return [
        f"CREATE ROLE {nobody}",
        f"GRANT {nobody} TO CURRENT_USER{'' if facts.about.superuser else options}",
        f"REASSIGN OWNED BY {ident(role)} TO {nobody}",
        f"DROP OWNED BY {ident(role)}",
        f"DROP ROLE {nobody}",
    ]


def _nobody(facts: Facts) -> str:
    """A name that no role has: somebody may have taken the first."""
    names = (
        "pgdeploy_nobody",
        *(f"pgdeploy_nobody_{number}" for number in range(2, len(facts.once(roles)) + 2)),
    )
    return next(name for name in names if name not in facts.once(roles))


def others(facts: Facts, declared: frozenset[str]) -> list[str]:
    """Roles that somebody made beyond the declared ones."""
    expected = declared | facts.once(provided)
    return [
        row.name
        for row in facts.once(roles).values()
        if row.name not in expected and not row.name.startswith("pg_") and row.oid != BOOTSTRAP
    ]


@dataclass(frozen=True, slots=True)
class UndeclaredRoles(ServerResource):
    """What the server has beyond `roles:`: reported, drift or ignored, as `undeclared:` says."""

    kind: ClassVar[str] = "role"
    leaving: Leaving

    @property
    def policy(self) -> str:
        return self.leaving.policy

    def checks(self) -> Iterator[Check]:
        if self.policy != "ignore":
            yield Check(
                self, "role[others]", "undeclared", ("undeclared", "roles"), self._compare, "undeclared"
            )

    def _compare(self, facts: Facts) -> Outcome:
        found = facts.once(others, self.leaving.declared)
        actual = listing(map(quoted_name, found))
        if self.policy == "report":
            return exact.reported("roles", actual, bool(found))
        remedy = "; ".join(f"{quoted_name(r)}: {why}" for r in found if (why := cannot_drop(r, None, facts)))
        return Outcome(not found, "no role beyond the spec", actual, remedy=remedy)

    def unread_places(self, facts: Facts) -> Collection[str]:
        found = facts.once(others, self.leaving.declared)
        return {place for role in found for place in unread_places(role, facts)}

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        for role in facts.once(others, self.leaving.declared) if drifts else ():
            if not cannot_drop(role, None, facts):
                yield from drop(role, None, self.leaving, facts, drifts[0].check.id)
