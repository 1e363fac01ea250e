"""Privileges on objects: `grants:` of a database and of the server.

One line of the spec is one check: `SELECT on all tables in schema x to y` says which tables lack it.
All lines of one database are one resource, as their statements are merged: one GRANT for every
grantee that lacks the same privileges on the same objects.

Scopes are exact. On a declared object, or to a declared role or PUBLIC on any object, a privilege is drift
unless the spec grants it, the object's owner has it, it is built in (PUBLIC's CONNECT on a database, what an
extension grants on its own objects), or the spec's default privileges gave it when the object was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server import acl, database, schema
from pgdeploy.layers.server.acl import Acls, Entry, ObjectKey, shown, table_of
from pgdeploy.layers.server.change import CREATE_FOR, Change, Stage, TakenAway, grantee, ident, statements
from pgdeploy.layers.server.grant_line import Line, lines_of, scope_of
from pgdeploy.layers.server.grantchain import Along, Taken, along, furthest_first
from pgdeploy.layers.server.object import KEYWORD, clause, keys_of, privilege_list
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.revocation import in_the_name_of, revoke
from pgdeploy.layers.server.rolefact import absent
from pgdeploy.layers.server.routine import Unclear
from pgdeploy.layers.server.schema_use import letting_in
from pgdeploy.layers.server.undeclared_database import UndeclaredDatabaseGrants
from pgdeploy.layers.server.unmanaged import LeftAlone, left_alone
from pgdeploy.model.inheritance import inherited, said_once
from pgdeploy.model.object import Object
from pgdeploy.model.routine import KINDS as ROUTINES
from pgdeploy.postgres.privilege import privileges
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.default_privilege import DefaultPrivilegeSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

_NOTHING: frozenset[str] = frozenset()


# -- the resource --------------------------------------------------------------------------------------

Lacking = dict[tuple[ObjectKey, str], frozenset[str]]
"""What is missing or too much, by object and grantee."""


@dataclass(frozen=True, slots=True, eq=False)
class Grants(ServerResource):
    """All lines about one database, or about the server."""

    kind: ClassVar[str] = "grant"
    database: str | None
    lines: tuple[Line, ...]
    declared_objects: frozenset[tuple[str, str | None, str | None]]
    """(kind, schema, name) of objects whose scope is exact; name None for all in the schema."""
    declared_roles: frozenset[str]
    defaults: Mapping[tuple[str, str | None, str], tuple[DefaultPrivilegeSpec, ...]]
    """Declared default privileges, by kind, schema (None: any) and grantee."""
    owners: Mapping[ObjectKey, str]
    """Owners that the spec gives the database and its schemas."""
    handed_over: tuple[Object, ...]
    """What lines of `ownership:` speak of."""
    databases: frozenset[str]
    """Declared databases: each has a resource of its own that speaks of its ACL."""
    undeclared_keys: Keys
    left: LeftAlone
    """Where what the spec does not name is left alone."""
    closed: bool = False
    """The database allows no connections, as declared: only its own ACL can be read and changed."""

    def checks(self) -> Iterator[Check]:
        for line in self.lines:
            if line.spec.to is not None:
                compare = lambda facts, line=line: self._compare_granted(facts, line)  # noqa: E731
                yield Check(self, line.address, "granted", line.keys, compare, subject=line)
            else:
                compare = lambda facts, line=line: self._compare_revoked(facts, line)  # noqa: E731
                yield Check(self, line.address, "revoked", line.keys, compare, subject=line)
        where = scope_of(self.database)
        yield Check(
            self,
            f"grant[{where}]",
            "undeclared",
            self.undeclared_keys,
            self._compare_undeclared,
            "undeclared",
        )

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if self.database is not None and (missing := database.absent(self.database, facts)):
            return missing
        line: Line | None = check.subject
        if line is None:
            return None
        for role in line.spec.roles:
            if missing := absent(role, facts):
                return missing
        if self.database is not None and line.spec.on.schema_ is not None:
            return schema.absent(self.database, line.spec.on.schema_, facts)
        return None

    def roles_named(self, facts: Facts, check: Check) -> Sequence[str]:
        line: Line | None = check.subject
        return line.spec.roles if line is not None else ()

    @property
    def sources(self) -> tuple[str | None, ...]:
        """Where the ACLs stand that this resource speaks of: in its database, and in what all databases share."""
        return (None,) if self.database is None or self.closed else (self.database, None)

    # -- compare -----------------------------------------------------------------------------------

    def _compare_granted(self, facts: Facts, line: Line) -> Outcome:
        self._require_version(facts, line)
        desired = "granted" + (" with grant option" if line.spec.grant_option else "")
        if no := self._no_object(facts, line):
            return Outcome(False, desired, no.why, remedy=no.mend)
        lacking = self._missing(facts, line)
        actual = "missing " + listing(_lack(item) for item in lacking.items()) if lacking else desired
        return Outcome(not lacking, desired, actual)

    def _compare_revoked(self, facts: Facts, line: Line) -> Outcome:
        self._require_version(facts, line)
        if no := self._no_object(facts, line):
            return Outcome(False, "not granted", no.why, remedy=no.mend)
        held = facts.once(_held, self, line)
        actual = listing(
            f"{_lack(((key, role), entry.privileges & words))}" for key, role, entry, words in held
        )
        by = listing({quoted_name(entry.grantor) for _, _, entry, _ in held})
        return Outcome(
            not held,
            "not granted",
            actual if held else "not granted",
            f"granted by {by}" if held else "",
            remedy=self._taken_along(facts, self._unwanted(facts, line)),
        )

    def _require_version(self, facts: Facts, line: Line) -> None:
        if line.kind == "parameter" and facts.about.major < 15:
            raise Inapplicable(
                f"PostgreSQL {facts.about.major} has no privileges on parameters; 15 brought them"
            )
        newer = (
            {word.upper() for word in line.spec.words} - privileges(line.kind, facts.about.major) - {"ALL"}
        )
        if "MAINTAIN" in newer:
            raise Inapplicable(f"PostgreSQL {facts.about.major} has no MAINTAIN; 17 brought it")

    def _no_object(self, facts: Facts, line: Line) -> Unclear | None:
        """Why a named object cannot hold the privilege: it is not there. Schemas have a check of their own."""
        if line.spec.on.all or line.kind in ("schema", "database", "parameter"):
            return None
        if line.kind in ROUTINES:
            return line.unclear(facts)
        known = facts.once(acl.owners, line.source)
        keys = map(table_of, line.keys_in(facts))
        missing = [shown(key) for key in keys if key not in known]
        return Unclear(f"{', '.join(missing)} does not exist") if missing else None

    def _missing(self, facts: Facts, line: Line) -> Lacking:
        known: Acls = facts.once(acl.acls, line.source)
        desired = line.privileges(facts.about.major)
        lacking: Lacking = {}
        for key in line.keys_in(facts):
            entries = known.get(key, {})
            for role in line.spec.roles:
                here = entries.get(role)
                if here is None:
                    lacking[key, role] = desired
                elif rest := desired - _all(here, grantable=line.spec.grant_option):
                    lacking[key, role] = rest
        return lacking

    def _compare_undeclared(self, facts: Facts) -> Outcome:
        if self.left.whole:
            raise Inapplicable(self.left.note)
        extra = facts.once(_undeclared, self)
        actual = listing(
            _lack(((key, role), entry.privileges)) + ("" if entry.plain else " with grant option")
            for key, role, entry in extra
        )
        by = listing({quoted_name(entry.grantor) for _, _, entry in extra})
        origin = f"granted by {by}" if extra else ""
        remedy = self._taken_along(facts, extra)
        return Outcome(
            not extra, "nothing beyond the spec", actual, origin, note=self.left.note, remedy=remedy
        )

    def _taken_along(self, facts: Facts, taken: Sequence[Taken]) -> str:
        """Why a REVOKE ... CASCADE is not made: it would take what the spec leaves alone; empty where it would not."""
        if not taken or not self.left.roles:
            return ""
        found: list[str] = []
        for source in self.sources:
            here = [one for one in taken if self._source(one[0]) == source]
            gone = along(facts.once(acl.acls, source), facts.once(acl.owners, source), here)
            found += [
                _lack(((key, role), words))
                for (key, role, _), words in gone.items()
                if role in self.left.roles
            ]
        return (
            f"the spec leaves alone what would go along: {listing(found)}; take it away first"
            if found
            else ""
        )

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        to_grant: dict[_Clauses, _Batch] = {}
        for drift in drifts:
            line: Line | None = drift.check.subject
            if drift.remedy:
                continue
            if line is None:
                yield from self._revocations(
                    facts, facts.once(_undeclared, self), drift.check.id, undeclared=True
                )
            elif drift.check.field == "revoked":
                yield from self._revocations(facts, self._unwanted(facts, line), drift.check.id)
            else:
                self._collect(to_grant, facts, line, drift.check.id)
        for (words, keyword, objects, option), batch in to_grant.items():
            text = _grant(words, keyword, objects, sorted(batch.roles), option=option)
            causes, owners = tuple(dict.fromkeys(batch.causes)), tuple(dict.fromkeys(batch.owners))
            rank = _Rank.GRANT_SCHEMA if keyword == KEYWORD["schema"] else _Rank.GRANT
            yield Change(
                Stage.GRANT,
                statements(text),
                causes,
                database=self._place(facts),
                acts_as=owners,
                lets=tuple(self._lets(words, keyword, batch.roles)),
                rank=rank,
            )

    def _lets(self, words: str, keyword: str, roles: Iterable[str]) -> Iterator[str]:
        if keyword == KEYWORD["database"] and "CREATE" in words.split(", "):
            yield from (
                CREATE_FOR.format(quoted_name(self.database or ""), quoted_name(role)) for role in roles
            )

    def _collect(self, batches: dict[_Clauses, _Batch], facts: Facts, line: Line, cause: str) -> None:
        """Put what a line lacks to the other grantees that lack the same on the same objects.

        What we may not grant, as it is somebody else's, keeps nothing else back: so owners go apart.
        """
        by_role: dict[tuple[str, frozenset[str], str], list[ObjectKey]] = defaultdict(list)
        for (key, role), words in self._missing(facts, line).items():
            owner = "" if facts.about.superuser else next(self._owners(facts, [key]), "")
            by_role[role, words, owner].append(key)
        everything = sum(1 for _ in line.keys_in(facts))
        for (role, words, _), keys in by_role.items():
            clauses = _clauses(line, keys, words, whole=len(keys) == everything)
            batch = batches.setdefault((*clauses, line.spec.grant_option), _Batch([], [], []))
            batch.roles.append(role)
            batch.causes.append(cause)
            batch.owners += self._owners(facts, keys)

    def _revocations(
        self, facts: Facts, extra: Iterable[Taken], cause: str, *, undeclared: bool = False
    ) -> Iterator[Change]:
        """REVOKE acts on what one grantor gave; what we lack the rights for keeps nothing else back."""
        found = [
            (rank, () if facts.about.superuser else actors, taken, texts)
            for rank, actors, taken, texts in self._revoked(facts, extra)
        ]
        for (rank, actors), some in groupby(found, key=itemgetter(0, 1)):
            same = list(some)
            yield Change(
                Stage.GRANT,
                statements(*(text for *_, texts in same for text in texts)),
                (cause,),
                database=self._place(facts),
                acts_as=actors,
                rank=rank,
                taken=TakenAway(privileges=_number([taken for _, _, taken, _ in same])),
                undeclared=undeclared,
            )

    def _revoked(
        self, facts: Facts, extra: Iterable[Taken]
    ) -> Iterator[tuple[_Rank, tuple[str, ...], Taken, Sequence[str]]]:
        """When each comes, whose rights it takes, and its statements."""
        for key, role, entry in self._in_order(facts, extra):
            source = self._source(key)
            owner = facts.once(acl.owners, source).get(table_of(key), entry.grantor)
            statement = revoke(key, role, entry)
            rank = _Rank.REVOKE_SCHEMA if key.kind == "schema" else _Rank.REVOKE
            granted_by_owner = entry.grantor in (owner, "")
            if not granted_by_owner or (owner and _may_pass_on(facts, source, key, owner)):
                grantor = owner if granted_by_owner else entry.grantor
                actors, texts = in_the_name_of(facts, source, key, grantor, statement)
            else:
                actors, texts = [*self._owners(facts, [key])], [statement]
            yield rank, tuple(actors), (key, role, entry), texts

    def _in_order(self, facts: Facts, extra: Iterable[Taken]) -> Iterator[Taken]:
        by_source: dict[str | None, list[Taken]] = defaultdict(list)
        for taken in extra:
            by_source[self._source(taken[0])].append(taken)
        for source, listed in by_source.items():
            yield from furthest_first(facts.once(acl.acls, source), listed)

    def named(self, facts: Facts) -> int:
        """How many privileges the lines name on this server: each for one grantee on one object."""
        major = facts.about.major
        return sum(
            len(line.privileges(major)) * len(line.spec.roles) * sum(1 for _ in line.keys_in(facts))
            for line in self.lines
        )

    def lost(self, facts: Facts, leaving: frozenset[str]) -> Mapping[str | None, Along]:
        """Declared privileges that go along with what the plan takes, or with roles that leave; where they stand."""
        revocations = [facts.once(_undeclared, self)]
        revocations += [self._unwanted(facts, line) for line in self.lines if line.spec.to is None]
        taken = [one for some in revocations if not self._taken_along(facts, some) for one in some]
        for source in self.sources if leaving else ():
            taken += [
                (key, role, Entry(entry.grantor, entry.privileges, _NOTHING))
                for key, grantees in facts.once(acl.acls, source).items()
                if source is not None or _is_ours(self, key)
                for role in leaving & grantees.keys()
                for entry in grantees[role]
            ]
        if not taken:
            return {}
        declared = facts.once(_declared, self)
        found: dict[str | None, Along] = {}
        for source in self.sources:
            owners = facts.once(acl.owners, source)
            here = [one for one in taken if self._source(one[0]) == source]
            gone = along(facts.once(acl.acls, source), owners, here) if here else {}
            found[source] = {
                place: both
                for place, words in gone.items()
                if (both := words & declared.get(place[0], {}).get(place[1], (_NOTHING, _NOTHING))[0])
            }
        return {source: gone for source, gone in found.items() if gone}

    def swept(self, facts: Facts) -> Along:
        """What goes of what stands in this database, as no line says it, and what goes along with that."""
        extra = facts.once(_undeclared, self)
        if self.database is None or self._taken_along(facts, extra):
            return {}
        here = [one for one in extra if self._source(one[0]) == self.database]
        gone = along(facts.once(acl.acls, self.database), facts.once(acl.owners, self.database), here)
        for key, role, entry in here:
            place = key, role, entry.grantor
            gone[place] = gone.get(place, _NOTHING) | entry.plain
        return gone

    def takes(self, facts: Facts, check: Check) -> Sequence[Taken]:
        """What is taken away to mend a check."""
        line: Line | None = check.subject
        if line is None:
            return facts.once(_undeclared, self)
        return self._unwanted(facts, line) if line.spec.to is None else ()

    def _unwanted(self, facts: Facts, line: Line) -> list[Taken]:
        """What a line that revokes takes."""
        return [
            (key, role, Entry(entry.grantor, entry.privileges & words, _NOTHING))
            for key, role, entry, words in facts.once(_held, self, line)
        ]

    def _source(self, key: ObjectKey) -> str | None:
        """Where its ACL stands."""
        return None if key.kind in ("database", "tablespace", "parameter") else self.database

    def _place(self, facts: Facts) -> str | None:
        """Where the statements are made: what the ACL of a database that lets nobody in says is made elsewhere."""
        if self.database is None or self.closed or self.database in facts.shut:
            return None
        there = facts.once(database.databases).get(self.database)
        return self.database if there is None or there.allow_connections else None

    def _owners(self, facts: Facts, keys: Iterable[ObjectKey]) -> Iterator[str]:
        """Who owns these objects by then, and lets us into their schemas; what nobody owns yet we make ourselves."""
        for key in keys:
            if owner := facts.once(acl.owners, self._source(key)).get(table_of(key)):
                yield owner
                yield from letting_in(facts, self.database, key.schema, [owner])


_Clauses = tuple[str, str, str, bool]
"""Privileges, keyword and objects as GRANT has them, and whether with grant option."""


class _Rank(IntEnum):
    """Who grants or revokes on what is in a schema needs the schema's USAGE just then."""

    REVOKE = 0
    REVOKE_SCHEMA = 1
    GRANT_SCHEMA = 2
    GRANT = 3


@dataclass(slots=True)
class _Batch:
    roles: list[str]
    causes: list[str]
    owners: list[str]


def _may_pass_on(facts: Facts, source: str | None, key: ObjectKey, owner: str) -> bool:
    """Whether others than the owner have grant options: of a login with such PostgreSQL takes a REVOKE for its own."""
    if facts.about.superuser or facts.about.user == owner:
        return False
    known = facts.once(acl.acls, source).get(key, {})
    return any(entry.grantable for role, entries in known.items() if role != owner for entry in entries)


def _number(taken: Iterable[Taken]) -> int:
    """Privileges, each for one grantee; what several gave is one."""
    return len({(key, role, word) for key, role, entry in taken for word in entry.privileges})


def _all(entries: Iterable[Entry], *, grantable: bool) -> frozenset[str]:
    found = _NOTHING
    for entry in entries:
        found |= entry.grantable if grantable else entry.plain | entry.grantable
    return found


def _lack(item: tuple[tuple[ObjectKey, str], frozenset[str]]) -> str:
    (key, role), words = item
    return f"{', '.join(sorted(words))} on {shown(key)} for {quoted_name(role)}"


# -- what is too much ----------------------------------------------------------------------------------


def _held(facts: Facts, grants: Grants, line: Line) -> list[tuple[ObjectKey, str, Entry, frozenset[str]]]:
    """Entries that give what a line revokes."""
    known: Acls = facts.once(acl.acls, line.source)
    unwanted = line.privileges(facts.about.major)
    return [
        (key, role, entry, unwanted)
        for key in line.keys_in(facts)
        for role in line.spec.roles
        for entry in known.get(key, {}).get(role, ())
        if entry.privileges & unwanted
    ]


def _declared(
    facts: Facts, grants: Grants
) -> Mapping[ObjectKey, Mapping[str, tuple[frozenset[str], frozenset[str]]]]:
    """What the lines grant, by object and grantee: the privileges, and those with grant option."""
    found: dict[ObjectKey, dict[str, tuple[frozenset[str], frozenset[str]]]] = defaultdict(dict)
    for line in grants.lines:
        if line.spec.to is None:
            continue
        words = line.privileges(facts.about.major)
        option = words if line.spec.grant_option else _NOTHING
        for key in line.keys_in(facts):
            grantees = found[key]
            for role in line.spec.roles:
                before = grantees.get(role)
                grantees[role] = (
                    (words, option) if before is None else (before[0] | words, before[1] | option)
                )
    return found


def _revoked(facts: Facts, grants: Grants) -> Mapping[tuple[ObjectKey, str], frozenset[str]]:
    """What lines revoke: their own checks speak of it."""
    found: dict[tuple[ObjectKey, str], frozenset[str]] = {}
    for line in grants.lines:
        for key in line.keys_in(facts) if line.spec.to is None else ():
            for role in line.spec.roles:
                found[key, role] = found.get((key, role), _NOTHING) | line.privileges(facts.about.major)
    return found


def _unclear(facts: Facts, grants: Grants) -> Mapping[tuple[str | None, str | None, str], frozenset[str]]:
    """What lines grant on a routine that they do not name clearly, by schema, name and grantee.

    Their own checks are red; what the grantee has on a routine of that name may be just what is meant.
    """
    found: dict[tuple[str | None, str | None, str], frozenset[str]] = {}
    for line in grants.lines:
        if line.spec.to is not None and line.kind in ROUTINES and line.unclear(facts):
            for role in line.spec.to:
                key = (line.spec.on.schema_, line.spec.on.name, role)
                found[key] = found.get(key, _NOTHING) | line.privileges(facts.about.major)
    return found


def _undeclared(facts: Facts, grants: Grants) -> list[tuple[ObjectKey, str, Entry]]:
    """Entries, or the part of them, that the spec does not explain."""
    found: list[tuple[ObjectKey, str, Entry]] = []
    for source in grants.sources:
        owners = facts.once(acl.owners, source)
        for key, grantees in facts.once(acl.acls, source).items():
            if source is None and not _is_ours(grants, key):
                continue
            exact = _is_declared(grants, key)
            for role, entries in grantees.items():
                if grants.left.covers(key.name if key.kind == "schema" else key.schema, role):
                    continue
                if role != owners[key] and (exact or role in grants.declared_roles or role == "PUBLIC"):
                    found += _beyond(facts, grants, source, key, role, entries)
    return found


def _is_ours(grants: Grants, key: ObjectKey) -> bool:
    """Of what all databases share: our own database, or for the server what no declared database speaks of."""
    if grants.database is not None:
        return key == ObjectKey("database", None, grants.database)
    return key.kind != "database" or key.name not in grants.databases


def _is_declared(grants: Grants, key: ObjectKey) -> bool:
    kind = "table" if key.kind == "column" else key.kind
    declared = grants.declared_objects
    return (kind, key.schema, key.name) in declared or (kind, key.schema, None) in declared


def _beyond(
    facts: Facts, grants: Grants, source: str | None, key: ObjectKey, role: str, entries: Sequence[Entry]
) -> Iterator[tuple[ObjectKey, str, Entry]]:
    """What is left of each grantor's entry when everything explained is taken off."""
    words, option = facts.once(_declared, grants).get(key, {}).get(role, (_NOTHING, _NOTHING))
    if all(entry.plain <= words and entry.grantable <= option for entry in entries):
        return
    explained = (
        words
        | acl.builtin(facts, source, key, role)
        | facts.once(_revoked, grants).get((key, role), _NOTHING)
    )
    if key.kind in ROUTINES:
        explained |= facts.once(_unclear, grants).get((key.schema, key.name, role), _NOTHING)
    by_default, passed_on = _by_default(facts, grants, source, key, role)
    explained, option = explained | by_default, option | passed_on
    for entry in entries:
        plain, passing_on = (
            entry.privileges - explained,
            entry.grantable - option - (entry.privileges - explained),
        )
        if plain:
            yield key, role, Entry(entry.grantor, plain, _NOTHING)
        if passing_on:
            yield key, role, Entry(entry.grantor, _NOTHING, passing_on)


def _by_default(
    facts: Facts, grants: Grants, source: str | None, key: ObjectKey, role: str
) -> tuple[frozenset[str], frozenset[str]]:
    """What an object may have got when it was made: privileges, and those with grant option.

    The owner made it, unless the spec itself gives it its owner: then any creator may have.
    """
    found, option = _NOTHING, _NOTHING
    owner = facts.once(acl.owners, source)[key]
    given = key in grants.owners or key in facts.once(_handed_over, grants)
    kind = "function" if key.kind == "procedure" else key.kind
    for schema_name in {key.schema, None}:
        for line in grants.defaults.get((kind, schema_name, role), ()):
            if owner not in line.for_ and not given:
                continue
            words = acl.meant(line.words, kind, facts.about.major)
            found, option = found | words, option | (words if line.grant_option else _NOTHING)
    return found, option


def _handed_over(facts: Facts, grants: Grants) -> frozenset[ObjectKey]:
    """Objects whose owner a line of `ownership:` names; sequences of columns go with their tables."""
    target = grants.database or ""
    found = {key for on in grants.handed_over for key in keys_of(on, facts, target)}
    schemas = {key.schema for key in found if key.kind == "table"}
    free = facts.once(acl.free_standing, target) if schemas else frozenset()
    linked = {
        key
        for key in (facts.once(acl.owners, target) if schemas else ())
        if key.kind == "sequence" and key.schema in schemas and key not in free
    }
    return frozenset(found | linked)


# -- statements ----------------------------------------------------------------------------------------


def _clauses(
    line: Line, keys: Sequence[ObjectKey], words: frozenset[str], *, whole: bool
) -> tuple[str, str, str]:
    """Privileges, keyword and objects of one GRANT."""
    first = keys[0]
    if line.spec.on.all and whole and line.kind != "type":
        return (
            privilege_list(words, first),
            f"ALL {line.spec.on.all.upper()} IN SCHEMA",
            ident(line.spec.on.schema_ or ""),
        )
    if first.kind == "column":
        return privilege_list(words, first, [key.sub or "" for key in keys]), "TABLE", clause(first)
    return privilege_list(words, first), KEYWORD[first.kind], ", ".join(map(clause, keys))


def _grant(words: str, keyword: str, objects: str, roles: Iterable[str], *, option: bool) -> str:
    tail = " WITH GRANT OPTION" if option else ""
    return f"GRANT {words} ON {keyword} {objects} TO {', '.join(map(grantee, roles))}{tail}"


# -- from the spec -------------------------------------------------------------------------------------


def _declared_objects(
    spec: Spec, target: str, lines: Iterable[Line]
) -> Iterator[tuple[str, str | None, str | None]]:
    yield "database", None, target
    for _, body in inherited(spec, target):
        yield from (("schema", None, known) for known in body.schemas)
    for line in lines:
        on: Any = line.spec.on
        yield on.kind.replace("column", "table"), None if on.kind == "schema" else on.schema_, on.name


def _owners(spec: Spec, target: str) -> Mapping[ObjectKey, str]:
    """Owners as declared, the nearest word on each schema; a template's own owner is not copied."""
    owner = spec.databases[target].owner
    found = {ObjectKey("database", None, target): owner} if owner else {}
    for _, body in inherited(spec, target):
        for schema_name, schema_body in body.schemas.items():
            if schema_body.owner:
                found.setdefault(ObjectKey("schema", None, schema_name), schema_body.owner)
    return found


def _defaults(
    spec: Spec, target: str
) -> Mapping[tuple[str, str | None, str], tuple[DefaultPrivilegeSpec, ...]]:
    found: dict[tuple[str, str | None, str], tuple[DefaultPrivilegeSpec, ...]] = {}
    for _, body in inherited(spec, target):
        for line in body.default_privileges:
            for role in line.to or ():
                key = (line.kind, line.in_schema, role)
                found[key] = (*found.get(key, ()), line)
    return found


def resources(spec: Spec) -> Iterator[ServerResource]:
    roles = frozenset(role for role, body in spec.roles.items() if body.state == "present")
    server = tuple(Line(None, line, ("grants", index)) for index, line in enumerate(spec.grants))
    objects = frozenset((line.kind, None, line.spec.on.name) for line in server)
    databases = frozenset(spec.databases)
    left = left_alone(spec, None, "grants")
    yield Grants(None, server, objects, roles, {}, {}, (), databases, ("grants",), left)
    if spec.undeclared.databases != "ignore":
        yield UndeclaredDatabaseGrants(roles - left.roles, databases, left)
    for target in spec.databases:
        lines = said_once(lines_of(spec, target))
        declared = frozenset(_declared_objects(spec, target, lines))
        closed = spec.databases[target].allow_connections is False
        yield Grants(
            target,
            lines,
            declared,
            roles,
            _defaults(spec, target),
            _owners(spec, target),
            tuple(line.on for _, body in inherited(spec, target) for line in body.ownership),
            databases,
            ("databases", target),
            left_alone(spec, target, "grants"),
            closed,
        )
