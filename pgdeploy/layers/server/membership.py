"""Memberships: `member_of:` of a role. From 16 each has INHERIT, SET and a grantor of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server.change import Change, Joined, Stage, TakenAway, ident, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent, bootstrap, roles
from pgdeploy.layers.server.unmanaged import roles_with
from pgdeploy.model.role import MembershipSpec, RoleSpec
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

OPTIONS_SINCE = 16
"""INHERIT and SET options and a meaningful grantor."""


MEMBERSHIPS = Query("memberships", Joined._make, variants=(16,))
QUERIES = (MEMBERSHIPS,)


def memberships(facts: Facts) -> tuple[Joined, ...]:
    return facts.rows(MEMBERSHIPS)


def _by_pair(facts: Facts) -> Mapping[tuple[str, str], list[Joined]]:
    """The grants of each (role, member): several when several grantors made them."""
    found: dict[tuple[str, str], list[Joined]] = {}
    for row in facts.rows(MEMBERSHIPS):
        found.setdefault((row.role, row.member), []).append(row)
    return found


def by_member(facts: Facts) -> Mapping[str, list[Joined]]:
    """The memberships that each role has."""
    found: dict[str, list[Joined]] = {}
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


def ours(facts: Facts) -> frozenset[str]:
    """Whose privileges this login has without doing anything: its own, those it inherits, PUBLIC's."""
    return reach(facts, facts.about.user, "inherit") | {"PUBLIC"}


@dataclass(frozen=True, slots=True)
class Membership(ServerResource):
    """One role being a member of another."""

    kind: ClassVar[str] = "membership"
    member: str
    index: int
    spec: MembershipSpec
    grantor_may: bool = True
    """Whether the spec gives the grantor ADMIN OPTION."""
    made_here: bool = True
    """Whether this spec makes the role, or PostgreSQL does; else somebody else keeps it, and it must be there."""
    declared: bool = True
    """Whether the role has a check of its own that says whether it exists."""
    external: bool = False
    """Whether the member is somebody else's: who keeps it joins it to others."""
    inherits: bool = True
    """Whether the spec lets the member inherit: what a GRANT without the option would give it."""

    @property
    def address(self) -> str:
        return f"membership[{quoted_name(self.member)} in {quoted_name(self.spec.role)}]"

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
        missing = absent(self.member, facts)
        if missing is None and (self.declared or check.field != "granted"):
            missing = absent(self.spec.role, facts)
        if missing is None and check.field != "granted" and not self._rows(facts):
            return "the membership does not exist"
        return missing

    def _rows(self, facts: Facts) -> list[Joined]:
        return facts.once(_by_pair).get((self.spec.role, self.member), [])

    def _option(self, option: str) -> bool:
        """INHERIT or SET as a GRANT gives it, where the spec says nothing of it."""
        return {"inherit": self.inherits, "set": True}[option]

    def _off(self, rows: Sequence[Joined], facts: Facts) -> list[str]:
        """Options that the spec leaves to PostgreSQL and that are not as a GRANT gives them; those of several
        grants add up."""
        if not rows or facts.about.major < OPTIONS_SINCE:
            return []
        unwritten = [option for option in ("inherit", "set") if getattr(self.spec, option) is None]
        return [o for o in unwritten if any(getattr(row, o) for row in rows) is not self._option(o)]

    def _compare_granted(self, facts: Facts) -> Outcome:
        rows = self._rows(facts)
        actual = "granted" if rows else "not granted"
        off = [
            f"{option.upper()} {str(not self._option(option)).upper()}" for option in self._off(rows, facts)
        ]
        if off:
            actual += f" with {', '.join(off)}"
        conforms = bool(rows) and not off
        return Outcome(conforms, "granted", actual, _grantors(rows), remedy=self._remedy(facts))

    def _compare(self, facts: Facts, option: str, desired: bool) -> Outcome:
        if option != "admin" and facts.about.major < OPTIONS_SINCE:
            raise Inapplicable(
                f"PostgreSQL {facts.about.major} has no {option.upper()} option; 16 brought it"
            )
        rows = [row for row in self._rows(facts) if self._counts(row, option, facts)]
        actual = str(bool(rows)).lower()
        remedy = self._remedy(facts)
        return Outcome(bool(rows) is desired, str(desired).lower(), actual, _grantors(rows), remedy=remedy)

    def _counts(self, row: Joined, option: str, facts: Facts) -> bool:
        """Whether this grant gives an option; without a word on `admin`, what the server gave the creator stays."""
        return bool(getattr(row, option)) and not (option == "admin" and self._is_left_to_creator(row, facts))

    def _is_left_to_creator(self, row: Joined, facts: Facts) -> bool:
        return "admin" not in self.spec.model_fields_set and _creators_own(row, facts)

    def _compare_grantor(self, facts: Facts) -> Outcome:
        if facts.about.major < OPTIONS_SINCE:
            raise Inapplicable(f"PostgreSQL {facts.about.major} keeps no meaningful grantor; 16 brought it")
        grantors = [row.grantor or "" for row in self._rows(facts)]
        actual, remedy = listing(map(quoted_name, grantors)), self._remedy(facts)
        return Outcome(
            self.spec.grantor in grantors, quoted_name(self.spec.grantor or ""), actual, remedy=remedy
        )

    def _remedy(self, facts: Facts) -> str:
        """From 16 even a superuser needs ADMIN OPTION to stand as grantor, unless initdb made it."""
        if self.external:
            return f"{quoted_name(self.member)} is `state: external`: who keeps it changes its memberships"
        if not self.made_here and (missing := absent(self.spec.role, facts)):
            return f"{missing}, and this spec does not make it"
        grantor = self.spec.grantor
        if grantor in (None, bootstrap(facts)) or self.grantor_may or facts.about.major < OPTIONS_SINCE:
            return ""
        group = quoted_name(self.spec.role)
        return (
            f"{quoted_name(grantor or '')} cannot grant it: even a superuser needs `admin: true` in {group}"
        )

    def demoted(self, facts: Facts) -> list[Joined]:
        """Grants that will lose their ADMIN OPTION."""
        if self._remedy(facts):
            return []
        return [row for row, option in self._too_much(self._rows(facts), facts) if option == "admin"]

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        if any(drift.remedy for drift in drifts):
            return
        rows = self._rows(facts)
        taking = list(self._too_much(rows, facts))
        left = [_with(row, {option: False for taken, option in taking if taken == row}) for row in rows]
        texts = [_revoke_option(row, option, facts) for row, option in taking]
        grantors = [row.grantor for row, _ in taking]
        if not rows or any(self._is_lacking(drift.check.field) for drift in drifts):
            given = self._given(left, frozenset(drift.check.field for drift in drifts), facts)
            texts.append(self._grant(given, facts))
            left = [*(row for row in left if row.grantor != given.grantor), given]
            grantors.append(given.grantor)
        yield Change(
            Stage.MEMBERSHIP,
            statements(*texts),
            tuple(drift.check.id for drift in drifts),
            needs=(f"ADMIN OPTION on {self.spec.role}",),
            acts_as=_others(grantors, facts),
            takes=tuple(rows),
            gives=tuple(left),
        )

    def _options(self, facts: Facts) -> Iterator[tuple[str, bool | None]]:
        yield "admin", self.spec.admin
        if facts.about.major >= OPTIONS_SINCE:
            off = self._off(self._rows(facts), facts)
            member = facts.once(roles).get(self.member)
            if self.spec.inherit is None and member is not None and member.inherit is not self.inherits:
                # a plain GRANT goes by the role as it is, and whoever plans may not be able to alter it
                off = [*off, "inherit"]
            for option in ("inherit", "set"):
                yield option, self._option(option) if option in off else getattr(self.spec, option)

    def _is_lacking(self, field: str) -> bool:
        """Whether it takes a grant to mend this field; what is too much is taken away from each grant."""
        return field in ("granted", "grantor") or getattr(self.spec, field) is True

    def _too_much(self, rows: Sequence[Joined], facts: Facts) -> Iterator[tuple[Joined, str]]:
        """Options that grants give and should not: they add up, so every grant loses them."""
        for row in rows:
            for option, desired in self._options(facts):
                if desired is False and self._counts(row, option, facts):
                    yield row, option

    def _given(self, rows: Sequence[Joined], fields: frozenset[str], facts: Facts) -> Joined:
        """The grant as it will be: a new one, or one of ours with other options."""
        grantor = self.spec.grantor or self._usual_grantor(rows, fields, facts)
        member = facts.once(roles).get(self.member)
        new = Joined(self.spec.role, self.member, grantor, False, member is None or member.inherit, True)
        before = next((row for row in rows if row.grantor == grantor), new)
        return _with(before, dict(self._options(facts)))

    def _usual_grantor(self, rows: Sequence[Joined], fields: frozenset[str], facts: Facts) -> str | None:
        """Whoever granted it already, if we can speak for them; else the server takes the user of the session.

        What the server gave the creator is left as it is: beside it stands what the creator grants itself.
        """
        if facts.about.major < OPTIONS_SINCE:
            return None
        known = [row for row in rows if facts.about.superuser or row.grantor == facts.about.user]
        if known and "grantor" not in fields:
            return self.member if self._is_left_to_creator(known[0], facts) else known[0].grantor
        return bootstrap(facts) if facts.about.superuser else facts.about.user

    def _grant(self, given: Joined, facts: Facts) -> str:
        text = f"GRANT {ident(self.spec.role)} TO {ident(self.member)}"
        if facts.about.major < OPTIONS_SINCE:
            return text + (" WITH ADMIN OPTION" if self.spec.admin else "")
        wanted = [
            f"{option.upper()} {str(desired).upper()}"
            for option, desired in self._options(facts)
            if desired is not None and (option != "admin" or (desired and not self._made_admin(facts)))
        ]
        rows = self._rows(facts)
        said = given.grantor in {self.spec.grantor, *(row.grantor for row in rows)}
        said = said or any(self._is_left_to_creator(row, facts) for row in rows)
        by = granted_by(given.grantor, facts) if said else ""
        return text + (" WITH " + ", ".join(wanted) if wanted else "") + by

    def _made_admin(self, facts: Facts) -> bool:
        """Whether the server makes us, who create the role, its administrator; then nobody may do it again (0LP01)."""
        made = self.spec.role not in facts.once(roles) and not facts.about.superuser
        own = made or any(_creators_own(row, facts) for row in self._rows(facts))
        return own and self.member == facts.about.user


def _with(row: Joined, options: Mapping[str, bool | None]) -> Joined:
    """With these options; None leaves one as it is."""
    admin, inherit, set_ = (
        getattr(row, option) if options.get(option) is None else bool(options[option])
        for option in ("admin", "inherit", "set")
    )
    return row._replace(admin=admin, inherit=inherit, set=set_)


def _revoke_option(row: Joined, option: str, facts: Facts) -> str:
    by = granted_by(row.grantor, facts)
    return f"REVOKE {option.upper()} OPTION FOR {ident(row.role)} FROM {ident(row.member)}{by} CASCADE"


def granted_by(grantor: str | None, facts: Facts) -> str:
    """The clause that names whose grant is meant; before 16 there is one grant, whoever made it."""
    if grantor is None or facts.about.major < OPTIONS_SINCE:
        return ""
    return f" GRANTED BY {ident(grantor)}"


def _others(grantors: Iterable[str | None], facts: Facts) -> tuple[str, ...]:
    """From 16 only whoever has the grantor's rights can grant and take back as they did."""
    if facts.about.major < OPTIONS_SINCE:
        return ()
    return tuple(dict.fromkeys(grantor for grantor in grantors if grantor is not None))


def _grantors(rows: Sequence[Joined]) -> str:
    known = sorted({row.grantor for row in rows if row.grantor})
    return f"granted by {', '.join(map(quoted_name, known))}" if known else ""


@dataclass(frozen=True, slots=True, eq=False)
class UndeclaredMemberships(ServerResource):
    """Memberships of a declared role, and members of it, that the spec does not say."""

    kind: ClassVar[str] = "membership"
    role: str
    declared: Mapping[tuple[str, str], MembershipSpec]
    """What the whole spec says, by role and member."""
    members_known: frozenset[str]
    """Roles that the spec declares: their extra memberships are found under their own name."""
    external: frozenset[str] = frozenset()
    """Roles that others keep: who they are members of is not ours to say."""
    free_members: frozenset[str] = frozenset()
    """Roles whose own memberships the spec leaves alone where it does not name them."""
    free_groups: frozenset[str] = frozenset()
    """Roles of which it leaves alone who is a member."""

    @property
    def address(self) -> str:
        return f"membership[{quoted_name(self.role)}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "undeclared", ("roles", self.role), self._compare, "undeclared")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        return absent(self.role, facts)

    def found(self, facts: Facts) -> list[Joined]:
        return [row for row in self._extra(facts) if row.member not in self.external]

    def _extra(self, facts: Facts) -> list[Joined]:
        return [row for row in facts.once(_touching).get(self.role, ()) if self._is_extra(row, facts)]

    def _is_extra(self, row: Joined, facts: Facts) -> bool:
        if row.member != self.role and row.member in self.members_known:
            return False
        declared = self.declared.get((row.role, row.member))
        if declared is not None and (declared.grantor in (None, row.grantor) or row.grantor is None):
            return False
        if self._is_left_alone(row, facts):
            return False
        # who else made the role, before us, could make itself a member of it
        return not (row.member == facts.about.user and _creators_own(row, facts))

    def _is_left_alone(self, row: Joined, facts: Facts) -> bool:
        """No word of the spec makes a superuser in silence."""
        free = row.member in self.free_members or row.role in self.free_groups
        known = facts.once(roles)
        above = facts.once(reach, row.role, "inherit", "set", "admin") if free else frozenset()
        return free and not any(known[role].superuser for role in above if role in known)

    @property
    def _not_looked_at(self) -> str:
        sides = {
            f"what {quoted_name(self.role)} is a member of": self.role in self.free_members,
            f"who is a member of {quoted_name(self.role)}": self.role in self.free_groups,
        }
        said = [side for side, free in sides.items() if free]
        return f"not looked at beyond the spec: {' and '.join(said)}" if said else ""

    def _compare(self, facts: Facts) -> Outcome:
        extra, theirs = self.found(facts), [row for row in self._extra(facts) if row.member in self.external]
        note = f"left alone, as the member is external: {_shown(theirs)}" if theirs else ""
        note = "; ".join(filter(None, [note, self._not_looked_at]))
        desired = "no memberships beyond the spec"
        remedy = self.taken_along(extra, facts)
        return Outcome(not extra, desired, _shown(extra), _grantors(extra), note=note, remedy=remedy)

    def taken_along(self, extra: Sequence[Joined], facts: Facts) -> str:
        """Why a REVOKE ... CASCADE is not made: it would take what is not ours; empty where it would not."""
        gone = _cascade(facts.rows(MEMBERSHIPS), extra, ()) if extra else ()
        kept = [
            row
            for row in gone
            if (row.role, row.member) not in self.declared
            and (row.member in self.external or self._is_left_alone(row, facts))
        ]
        return (
            f"the spec leaves alone what would go along: {_shown(kept)}; take it away first" if kept else ""
        )

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        for row in self.found(facts) if drifts and not drifts[0].remedy else ():
            text = (
                f"REVOKE {ident(row.role)} FROM {ident(row.member)}{granted_by(row.grantor, facts)} CASCADE"
            )
            awaits = self._in_its_place(row, facts)
            yield Change(
                Stage.MEMBERSHIP,
                statements(text),
                (drifts[0].check.id,),
                needs=(f"ADMIN OPTION on {row.role}",),
                acts_as=_others([row.grantor], facts),
                takes=(row,),
                taken=TakenAway(memberships=1),
                rank=int(bool(awaits)),
                awaits=awaits,
            )

    def _in_its_place(self, row: Joined, facts: Facts) -> tuple[Joined, ...]:
        """The grant that the spec declares with another grantor, if it is still to be made: without either the role
        would lose what the spec gives it."""
        declared = self.declared.get((row.role, row.member))
        if declared is None or declared.grantor is None:
            return ()
        grants = facts.once(_by_pair)[row.role, row.member]
        there = any(other.grantor == declared.grantor for other in grants)
        return () if there else (row._replace(grantor=declared.grantor),)


def _shown(rows: Iterable[Joined]) -> str:
    return listing(f"{quoted_name(row.member)} in {quoted_name(row.role)}" for row in rows)


def _touching(facts: Facts) -> Mapping[str, list[Joined]]:
    """Memberships by each of the two roles they join."""
    found: dict[str, list[Joined]] = {}
    for row in facts.rows(MEMBERSHIPS):
        for role in {row.role, row.member}:
            found.setdefault(role, []).append(row)
    return found


def _creators_own(row: Joined, facts: Facts) -> bool:
    """From 16 the server itself gives whoever creates a role ADMIN on it, and nothing else."""
    creator = facts.once(roles).get(row.member)
    only_admin = row.admin and not row.inherit and not row.set
    return only_admin and row.grantor == bootstrap(facts) and creator is not None and creator.createrole


def of(role: RoleSpec) -> Iterator[MembershipSpec]:
    """The memberships of a role; a plain name is one without options."""
    for entry in role.member_of:
        yield entry if isinstance(entry, MembershipSpec) else MembershipSpec(role=entry)


def resources(spec: Spec) -> Iterator[ServerResource]:
    present = {role: body for role, body in spec.roles.items() if body.state == "present"}
    external = {role: body for role, body in spec.roles.items() if body.state == "external"}
    members = {**present, **external}
    by_pair = {(entry.role, role): entry for role, body in members.items() for entry in of(body)}
    # what goes goes first: of two roles either can be a member of the other, but not both
    free = roles_with(spec, "member_of"), roles_with(spec, "members")
    for role in present:
        yield UndeclaredMemberships(role, by_pair, frozenset(present), frozenset(external), *free)
    found = [
        Membership(
            role,
            index,
            entry,
            grantor_may=_may_grant(by_pair, entry),
            made_here=_is_made_here(present, entry.role),
            declared=_is_made_here(members, entry.role),
            external=role in external,
            inherits=body.inherit is not False,
        )
        for role, body in members.items()
        for index, entry in enumerate(of(body))
    ]
    yield from sorted(found, key=lambda resource: _depth(by_pair, resource.spec))


def lost(spec: Spec, facts: Facts, given_up: Collection[str] = ()) -> frozenset[Joined]:
    """Memberships that go along when the plan takes ADMIN OPTION away from whoever granted them.

    Of the checks that are `given_up` it takes nothing.
    """
    revoked: list[Joined] = []
    demoted: list[Joined] = []
    for resource in resources(spec):
        if given_up and any(check.id in given_up for check in resource.checks()):
            continue
        if isinstance(resource, UndeclaredMemberships):
            found = resource.found(facts)
            revoked += [] if resource.taken_along(found, facts) else found
        elif isinstance(resource, Membership):
            demoted += resource.demoted(facts)
    return _cascade(facts.rows(MEMBERSHIPS), revoked, demoted) if revoked or demoted else frozenset()


def _cascade(
    rows: Iterable[Joined], revoked: Collection[Joined], demoted: Iterable[Joined]
) -> frozenset[Joined]:
    """The server's own rule: without ADMIN OPTION from anybody, all that one granted goes, and so on."""
    of_member: dict[tuple[str, str | None], list[Joined]] = defaultdict(list)
    by_grantor: dict[tuple[str, str | None], list[Joined]] = defaultdict(list)
    for row in rows:
        of_member[row.role, row.member].append(row)
        by_grantor[row.role, row.grantor].append(row)
    gone: set[Joined] = set()
    no_admin: set[Joined] = set()
    work = [*revoked, *demoted]
    while work:
        row = work.pop()
        if not row.admin or row in no_admin:
            continue
        no_admin.add(row)
        if not any(other.admin and other not in no_admin for other in of_member[row.role, row.member]):
            granted = by_grantor[row.role, row.member]
            gone.update(granted)
            work += granted
    return frozenset(gone.difference(revoked))


def _is_made_here(present: Collection[str], role: str) -> bool:
    return role in present or role.startswith("pg_")


def _depth(by_pair: Mapping[tuple[str, str], MembershipSpec], entry: MembershipSpec | None) -> int:
    """How many memberships must be there first: a grantor needs its own ADMIN OPTION, which has a grantor, too."""
    depth = 0
    while entry is not None and entry.grantor is not None:  # a spec whose grantors go round is refused
        depth += 1
        entry = by_pair.get((entry.role, entry.grantor))
    return depth


def _may_grant(by_pair: Mapping[tuple[str, str], MembershipSpec], entry: MembershipSpec) -> bool:
    own = by_pair.get((entry.role, entry.grantor or ""))
    return own is not None and own.admin
