"""Memberships: `member_of:` of a role. From 16 each has INHERIT, SET and a grantor of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.change import Change, Stage, ident, statements
from pgdeploy.check import Check, Finding, Inapplicable, Outcome, Resource, listing, name
from pgdeploy.facts import Facts, Query
from pgdeploy.resources.role import BOOTSTRAP, MembershipSpec, RoleSpec, absent, names_by_oid, roles

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec

OPTIONS_SINCE = 16
"""INHERIT and SET options and a meaningful grantor."""


class MembershipFact(NamedTuple):
    role: str
    member: str
    grantor: str | None
    admin: bool
    inherit: bool
    set: bool


MEMBERSHIPS = Query("memberships", MembershipFact._make, variants=(16,))
QUERIES = (MEMBERSHIPS,)


def memberships(facts: Facts) -> tuple[MembershipFact, ...]:
    return facts.rows(MEMBERSHIPS)


def _by_pair(facts: Facts) -> Mapping[tuple[str, str], list[MembershipFact]]:
    """The grants of each (role, member): several when several grantors made them."""
    found: dict[tuple[str, str], list[MembershipFact]] = {}
    for row in facts.rows(MEMBERSHIPS):
        found.setdefault((row.role, row.member), []).append(row)
    return found


def by_member(facts: Facts) -> Mapping[str, list[MembershipFact]]:
    """The memberships that each role has."""
    found: dict[str, list[MembershipFact]] = {}
    for row in facts.rows(MEMBERSHIPS):
        found.setdefault(row.member, []).append(row)
    return found


def reach(facts: Facts, member: str, *options: str) -> frozenset[str]:
    """The role itself, and all where memberships lead it that have one of these options (admin, inherit, set)."""
    found, unvisited = {member}, [member]
    while unvisited:
        for row in facts.once(by_member).get(unvisited.pop(), ()):
            if row.role not in found and any(getattr(row, option) for option in options):
                found.add(row.role)
                unvisited.append(row.role)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Membership(Resource):
    """One role being a member of another."""

    kind: ClassVar[str] = "membership"
    member: str
    index: int
    spec: MembershipSpec
    grantor_may: bool = True
    """Whether the spec gives the grantor ADMIN OPTION."""

    @property
    def address(self) -> str:
        return f"membership[{name(self.member)} in {name(self.spec.role)}]"

    def checks(self) -> Iterator[Check]:
        keys = ("roles", self.member, "member_of", self.index)
        yield Check(self, self.address, "granted", keys, self._compare_granted)
        yield Check(
            self, self.address, "admin", keys, lambda facts: self._compare(facts, "admin", self.spec.admin)
        )
        for option in ("inherit", "set"):
            desired = getattr(self.spec, option)
            if desired is not None:
                compare = lambda facts, o=option, d=desired: self._compare(facts, o, d)  # noqa: E731
                yield Check(self, self.address, option, (*keys, option), compare)
        if self.spec.grantor is not None:
            yield Check(self, self.address, "grantor", (*keys, "grantor"), self._compare_grantor)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = absent(self.member, facts) or absent(self.spec.role, facts)
        if missing is None and check.field != "granted" and not self._rows(facts):
            return "the membership does not exist"
        return missing

    def _rows(self, facts: Facts) -> list[MembershipFact]:
        return facts.once(_by_pair).get((self.spec.role, self.member), [])

    def _compare_granted(self, facts: Facts) -> Outcome:
        rows = self._rows(facts)
        actual = "granted" if rows else "not granted"
        return Outcome(bool(rows), "granted", actual, _grantors(rows), stuck=self._stuck(facts))

    def _compare(self, facts: Facts, option: str, desired: bool) -> Outcome:
        if option != "admin" and facts.about.major < OPTIONS_SINCE:
            raise Inapplicable(
                f"PostgreSQL {facts.about.major} has no {option.upper()} option; 16 brought it"
            )
        rows = [row for row in self._rows(facts) if getattr(row, option)]
        actual = str(bool(rows)).lower()
        stuck = self._stuck(facts)
        return Outcome(bool(rows) is desired, str(desired).lower(), actual, _grantors(rows), stuck=stuck)

    def _compare_grantor(self, facts: Facts) -> Outcome:
        if facts.about.major < OPTIONS_SINCE:
            raise Inapplicable(f"PostgreSQL {facts.about.major} keeps no meaningful grantor; 16 brought it")
        grantors = [row.grantor or "" for row in self._rows(facts)]
        actual, stuck = listing(map(name, grantors)), self._stuck(facts)
        return Outcome(self.spec.grantor in grantors, name(self.spec.grantor or ""), actual, stuck=stuck)

    def _stuck(self, facts: Facts) -> str:
        """From 16 even a superuser needs ADMIN OPTION to stand as grantor, unless initdb made it."""
        grantor = self.spec.grantor
        bootstrap = facts.once(names_by_oid).get(BOOTSTRAP)
        if grantor in (None, bootstrap) or self.grantor_may or facts.about.major < OPTIONS_SINCE:
            return ""
        return f"{name(grantor or '')} cannot grant it: even a superuser needs `admin: true` in {name(self.spec.role)}"

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        if any(drift.stuck for drift in drifts):
            return
        fields = {drift.check.field for drift in drifts}
        causes = tuple(drift.check.id for drift in drifts)
        rows = self._rows(facts)
        texts = list(self._without(rows, facts))
        if fields & {"granted", "grantor"} or not rows:
            texts.append(self._grant(facts, self.spec.grantor))
        elif fields - {"admin"} or self.spec.admin:
            texts.append(self._grant(facts, self.spec.grantor or rows[0].grantor))
        needs = (f"ADMIN OPTION on {self.spec.role}",)
        yield Change(
            Stage.MEMBERSHIP, statements(*texts), causes, needs=needs, acts_as=_grantor_of(rows, facts)
        )

    def _without(self, rows: Sequence[MembershipFact], facts: Facts) -> Iterator[str]:
        """Take options away from every grant that gives them, as they add up."""
        for row in rows:
            by = _granted_by(row.grantor, facts)
            for option, desired in (
                ("admin", self.spec.admin),
                ("inherit", self.spec.inherit),
                ("set", self.spec.set),
            ):
                if (
                    desired is False
                    and getattr(row, option)
                    and (option == "admin" or facts.about.major >= OPTIONS_SINCE)
                ):
                    yield f"REVOKE {option.upper()} OPTION FOR {ident(row.role)} FROM {ident(row.member)}{by} CASCADE"

    def _grant(self, facts: Facts, grantor: str | None) -> str:
        text = f"GRANT {ident(self.spec.role)} TO {ident(self.member)}"
        if facts.about.major < OPTIONS_SINCE:
            return text + (" WITH ADMIN OPTION" if self.spec.admin else "")
        wanted = (("ADMIN", self.spec.admin or None), ("INHERIT", self.spec.inherit), ("SET", self.spec.set))
        options = [f"{option} {str(value).upper()}" for option, value in wanted if value is not None]
        return text + (" WITH " + ", ".join(options) if options else "") + _granted_by(grantor, facts)


def _granted_by(grantor: str | None, facts: Facts) -> str:
    if grantor is None or facts.about.major < OPTIONS_SINCE:
        return ""
    return f" GRANTED BY {ident(grantor)}"


def _grantor_of(rows: Iterable[MembershipFact], facts: Facts) -> tuple[str, ...]:
    """From 16 only whoever has the grantor's rights can take a membership back."""
    if facts.about.major < OPTIONS_SINCE:
        return ()
    return tuple(dict.fromkeys(row.grantor for row in rows if row.grantor is not None))


def _grantors(rows: Sequence[MembershipFact]) -> str:
    known = sorted({row.grantor for row in rows if row.grantor})
    return f"granted by {', '.join(map(name, known))}" if known else ""


@dataclass(frozen=True, slots=True, eq=False)
class UndeclaredMemberships(Resource):
    """Memberships of a declared role, and members of it, that the spec does not say."""

    kind: ClassVar[str] = "membership"
    role: str
    declared: Mapping[tuple[str, str], MembershipSpec]
    """What the whole spec says, by role and member."""
    members_known: frozenset[str]
    """Roles that the spec declares: their extra memberships are found under their own name."""

    @property
    def address(self) -> str:
        return f"membership[{name(self.role)}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "undeclared", ("roles", self.role), self._compare, "undeclared")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return absent(self.role, facts)

    def _extra(self, facts: Facts) -> list[MembershipFact]:
        return [row for row in facts.once(_touching).get(self.role, ()) if self._is_extra(row, facts)]

    def _is_extra(self, row: MembershipFact, facts: Facts) -> bool:
        if row.member != self.role and row.member in self.members_known:
            return False
        declared = self.declared.get((row.role, row.member))
        if declared is not None and (declared.grantor in (None, row.grantor) or row.grantor is None):
            return False
        return not _creators_own(row, facts)

    def _compare(self, facts: Facts) -> Outcome:
        extra = self._extra(facts)
        actual = listing(f"{name(row.member)} in {name(row.role)}" for row in extra)
        return Outcome(not extra, "no memberships beyond the spec", actual, _grantors(extra))

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        for row in self._extra(facts) if drifts else ():
            text = (
                f"REVOKE {ident(row.role)} FROM {ident(row.member)}{_granted_by(row.grantor, facts)} CASCADE"
            )
            needs = (f"ADMIN OPTION on {row.role}",)
            yield Change(
                Stage.MEMBERSHIP,
                statements(text),
                (drifts[0].check.id,),
                needs=needs,
                acts_as=_grantor_of([row], facts),
            )


def _touching(facts: Facts) -> Mapping[str, list[MembershipFact]]:
    """Memberships by each of the two roles they join."""
    found: dict[str, list[MembershipFact]] = {}
    for row in facts.rows(MEMBERSHIPS):
        for role in {row.role, row.member}:
            found.setdefault(role, []).append(row)
    return found


def _creators_own(row: MembershipFact, facts: Facts) -> bool:
    """From 16 the server itself gives whoever creates a role ADMIN on it, and nothing else."""
    bootstrap = facts.once(names_by_oid).get(BOOTSTRAP)
    creator = facts.once(roles).get(row.member)
    only_admin = row.admin and not row.inherit and not row.set
    return only_admin and row.grantor == bootstrap and creator is not None and creator.createrole


def of(role: RoleSpec) -> Iterator[MembershipSpec]:
    """The memberships of a role; a plain name is one without options."""
    for entry in role.member_of:
        yield entry if isinstance(entry, MembershipSpec) else MembershipSpec(role=entry)


def resources(spec: Spec) -> Iterator[Resource]:
    present = {role: body for role, body in spec.roles.items() if body.state == "present"}
    by_pair = {(entry.role, role): entry for role, body in present.items() for entry in of(body)}
    # what goes goes first: of two roles either can be a member of the other, but not both
    for role in present:
        yield UndeclaredMemberships(role, by_pair, frozenset(present))
    found = [
        Membership(role, index, entry, _may_grant(by_pair, entry))
        for role, body in present.items()
        for index, entry in enumerate(of(body))
    ]
    yield from sorted(found, key=lambda resource: _depth(by_pair, resource.spec))


def _depth(by_pair: Mapping[tuple[str, str], MembershipSpec], entry: MembershipSpec | None) -> int:
    """How many memberships must be there first: a grantor needs its own ADMIN OPTION, which has a grantor, too."""
    depth = 0
    seen: set[str] = set()
    while entry is not None and entry.grantor is not None and entry.grantor not in seen:
        seen.add(entry.grantor)
        depth += 1
        entry = by_pair.get((entry.role, entry.grantor))
    return depth


def _may_grant(by_pair: Mapping[tuple[str, str], MembershipSpec], entry: MembershipSpec) -> bool:
    own = by_pair.get((entry.role, entry.grantor or ""))
    return own is not None and own.admin
