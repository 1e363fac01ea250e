"""Who owns objects in a database: `ownership:` of a database, one object or all of a kind in a schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.core.step import Risk
from pgdeploy.layers.server import acl, database, schema
from pgdeploy.layers.server.acl import shown
from pgdeploy.layers.server.change import Change, Stage, ident, literal, statements
from pgdeploy.layers.server.membership import reach
from pgdeploy.layers.server.named import present
from pgdeploy.layers.server.object import KEYWORD, clause, keys_of, why_unclear
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import DATABASE_OWNER, absent, roles
from pgdeploy.layers.server.routine import MAKE_FIRST
from pgdeploy.layers.server.schema_use import letting_in
from pgdeploy.model.inheritance import inherited
from pgdeploy.model.ownership import OwnershipSpec
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


_ALTER = {"foreign_server": "SERVER"}
"""Where ALTER names a kind of object otherwise than GRANT does."""

_RUNS_CODE = {
    "table": ("pg_class", "relowner"),
    "function": ("pg_proc", "proowner"),
    "procedure": ("pg_proc", "proowner"),
}
"""What can run with its owner's rights what somebody wrote (views, triggers, index expressions, SECURITY DEFINER), and
where the server keeps whose it is.
"""

_SWAPPED = "another object has come in the place of one that was looked at; make the plan anew"


@dataclass(frozen=True, slots=True)
class Ownership(ServerResource):
    """One line of `ownership:` in one database."""

    kind: ClassVar[str] = "ownership"
    database: str
    spec: OwnershipSpec
    keys: Keys

    @property
    def address(self) -> str:
        return f"ownership[{quoted_name(self.database)}: {self.spec.on.text}]"

    def checks(self) -> Iterator[Check]:
        yield Check(self, self.address, "owner", self.keys, self._compare)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        missing = database.absent(self.database, facts) or absent(self.spec.owner, facts)
        if missing is None and self.spec.on.schema_ is not None:
            missing = schema.absent(self.database, self.spec.on.schema_, facts)
        return missing

    def roles_named(self, facts: Facts, check: Check) -> Sequence[str]:
        return (self.spec.owner,)

    def _others(self, facts: Facts) -> dict[acl.ObjectKey, str]:
        """Objects that somebody else owns, and who does."""
        known = facts.once(acl.owners, self.database)
        free = facts.once(acl.free_standing, self.database)
        keys = (
            key for key in keys_of(self.spec.on, facts, self.database) if not self.spec.on.all or key in free
        )
        return {key: known[key] for key in keys if key in known and known[key] != self.spec.owner}

    def _compare(self, facts: Facts) -> Outcome:
        desired = quoted_name(self.spec.owner)
        if unclear := why_unclear(self.spec.on, facts, self.database):
            return Outcome(False, desired, unclear.why, remedy=unclear.mend)
        if not self.spec.on.all and not any(
            key in facts.once(acl.owners, self.database)
            for key in keys_of(self.spec.on, facts, self.database)
        ):
            return Outcome(False, desired, "no such object", remedy=MAKE_FIRST)
        others = self._others(facts)
        actual = listing(f"{shown(key)}: {quoted_name(owner)}" for key, owner in others.items())
        remedy = self._remedy(self._by_strangers(others, facts), facts)
        return Outcome(not others, desired, actual if others else desired, remedy=remedy)

    def _by_strangers(self, others: Mapping[acl.ObjectKey, str], facts: Facts) -> Mapping[acl.ObjectKey, str]:
        """Of these objects what was written by roles that could not act as the new owner, and so would gain by it.

        PostgreSQL's own rule for ALTER ... OWNER TO, asked of the present owner and not of who runs it.
        """
        strangers = {owner for owner in set(others.values()) if not _could_be(owner, self.spec.owner, facts)}
        return {key: owner for key, owner in others.items() if owner in strangers and key.kind in _RUNS_CODE}

    def _remedy(self, theirs: Mapping[acl.ObjectKey, str], facts: Facts) -> str:
        if not theirs or not _is_superuser(self.spec.owner, facts):
            return ""
        return f"{_who(theirs)} would become superuser by it; look at what it does, and hand it over yourself"

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        causes = tuple(drift.check.id for drift in drifts if not drift.remedy)
        if not causes:
            return
        others = self._others(facts)
        theirs = self._by_strangers(others, facts)
        ours = {key: owner for key, owner in others.items() if key not in theirs}
        for some in _apart(ours, facts):
            yield self._change(some, causes, facts)
        if theirs:
            who = quoted_name(self.spec.owner)
            lost = f"control of what runs with the rights of {who}: part of it passes to {_who(theirs)}"
            yield replace(self._change(theirs, causes, facts), risk=Risk.DESTRUCTIVE, lost=lost)

    def _change(self, owners: Mapping[acl.ObjectKey, str], causes: tuple[str, ...], facts: Facts) -> Change:
        texts = [
            f"ALTER {_ALTER.get(key.kind, KEYWORD[key.kind])} {clause(key)} OWNER TO {ident(self.spec.owner)}"
            for key in owners
        ]
        texts += self._proofs(owners, facts)
        roles, needs = [self.spec.owner, *sorted(set(owners.values()))], tuple(self._lacking(owners, facts))
        for schema_name in sorted({key.schema for key in owners if key.schema is not None}):
            roles += letting_in(facts, self.database, schema_name, roles)
        made = statements(*texts)
        return Change(
            Stage.OWNERSHIP, made, causes, database=self.database, acts_as=tuple(roles), needs=needs
        )

    def _lacking(self, owners: Iterable[acl.ObjectKey], facts: Facts) -> Iterator[str]:
        """Where the new owner may not make such a thing, only a superuser may give it to him."""
        if any(key.kind == "foreign_data_wrapper" for key in owners):
            yield "superuser"
        known = facts.once(roles).get(self.spec.owner)
        if known is not None and known.superuser:
            return
        mine = {*facts.once(reach, self.spec.owner, "inherit")}
        if facts.once(acl.owners, None).get(acl.ObjectKey("database", None, self.database)) in mine:
            mine.add(DATABASE_OWNER)
        for schema_name in sorted({key.schema for key in owners if key.schema is not None}):
            key = acl.ObjectKey("schema", None, schema_name)
            if not acl.holds(facts, self.database, key, mine, "CREATE"):
                yield f"CREATE on schema {quoted_name(schema_name)} for {quoted_name(self.spec.owner)}"
        yield from self._wrappers(owners, mine, facts)

    def _wrappers(self, owners: Iterable[acl.ObjectKey], mine: Iterable[str], facts: Facts) -> Iterator[str]:
        """Foreign-data wrappers that the new owner may not use, of the foreign servers among these."""
        there = facts.once(present, self.database)
        servers = [there.get((key.kind, key.name)) for key in owners if key.kind == "foreign_server"]
        for wrapper in sorted({server.trait for server in servers if server is not None}):
            key = acl.ObjectKey("foreign_data_wrapper", None, wrapper)
            if not acl.holds(facts, self.database, key, mine, "USAGE"):
                yield f"USAGE on foreign data wrapper {quoted_name(wrapper)} for {quoted_name(self.spec.owner)}"

    def _proofs(self, owners: Mapping[acl.ObjectKey, str], facts: Facts) -> Iterator[str]:
        """Statements that fail unless just what was looked at was handed over.

        ALTER goes by name, and who owns the schema can give the name to something else until the moment that ALTER
        locks it.
        """
        known = facts.once(acl.oids, self.database)
        by_catalog: dict[tuple[str, str], list[int]] = {}
        for key in owners:
            if key.kind in _RUNS_CODE:
                by_catalog.setdefault(_RUNS_CODE[key.kind], []).append(known[key])
        for (catalog, owner), found in by_catalog.items():
            handed_over = (
                f"SELECT pg_catalog.count(*) FROM pg_catalog.{catalog} "  # noqa: S608 - names of ours, and numbers
                f"WHERE oid IN ({', '.join(map(str, sorted(found)))}) "
                f"AND pg_catalog.pg_get_userbyid({owner}) = {literal(self.spec.owner)}"
            )
            # a language for DO need not be there; a text that is no number ends the transaction as well
            yield (
                f"SELECT CASE ({handed_over}) WHEN {len(found)} THEN '0' ELSE {literal(_SWAPPED)} END"
                "::pg_catalog.int4"
            )


def _apart(owners: Mapping[acl.ObjectKey, str], facts: Facts) -> Iterator[Mapping[acl.ObjectKey, str]]:
    """What one owner's things need that we lack, keeps nothing else back."""
    if facts.about.superuser:
        yield from [owners] if owners else []
        return
    for one in sorted(set(owners.values())):
        yield {key: owner for key, owner in owners.items() if owner == one}


def _could_be(role: str, other: str, facts: Facts) -> bool:
    return other in _within_reach(role, facts) or _is_superuser(role, facts)


def _is_superuser(role: str, facts: Facts) -> bool:
    known = facts.once(roles)
    there = (known.get(other) for other in _within_reach(role, facts))
    return any(fact is not None and fact.superuser for fact in there)


def _within_reach(role: str, facts: Facts) -> frozenset[str]:
    """All that a role is or can make itself by its memberships."""
    return facts.once(reach, role, "set", "inherit", "admin")


def _who(theirs: Mapping[acl.ObjectKey, str]) -> str:
    """Authors, and what they wrote."""
    written: dict[str, list[str]] = {}
    for key, owner in theirs.items():
        written.setdefault(owner, []).append(shown(key))
    return listing(f"{quoted_name(owner)} (by {listing(things)})" for owner, things in written.items())


def resources(spec: Spec) -> Iterator[ServerResource]:
    for target in spec.databases:
        for source, body in inherited(spec, target):
            for index, line in enumerate(body.ownership):
                yield Ownership(target, line, ("databases", source, "ownership", index))
