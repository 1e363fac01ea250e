"""Default privileges: what objects that a role will make give to whom. They never touch objects that exist.

They belong to the creating role and to one database. A global entry and one in a schema add up; the
built-in default (PUBLIC may EXECUTE functions and use types) can be taken away by the global form only.
Going back to the built-in default deletes the row in pg_default_acl.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server import acl, database, schema
from pgdeploy.layers.server.change import Change, Stage, TakenAway, grantee, ident, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent, names_by_oid
from pgdeploy.layers.server.unmanaged import LeftAlone, left_alone
from pgdeploy.model.default_privilege import KIND, DefaultPrivilegeSpec
from pgdeploy.model.inheritance import inherited, said_once
from pgdeploy.postgres.privilege import privileges
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

_LETTER = {"r": "table", "S": "sequence", "f": "function", "T": "type", "n": "schema", "L": "large_object"}
PLURAL = {kind: plural for plural, kind in KIND.items()}
_BUILTIN = {"function": frozenset({"EXECUTE"}), "type": frozenset({"USAGE"})}
"""What PUBLIC gets on new objects without anybody's doing."""
_NOTHING: frozenset[str] = frozenset()


class DefaultAclFact(NamedTuple):
    creator: str
    schema: str | None
    letter: str
    grantee: int | None
    plain: str | None
    grantable: str | None


DEFAULT_PRIVILEGES = Query("default_privileges", DefaultAclFact._make, in_database=True)
QUERIES = (DEFAULT_PRIVILEGES,)


class Scope(NamedTuple):
    """Where default privileges hold: one creator, one schema (None: everywhere), one kind of object."""

    creator: str
    schema: str | None
    kind: str


class Given(NamedTuple):
    """Privileges of one grantee, and those of them with grant option."""

    privileges: frozenset[str]
    grantable: frozenset[str]


Entries = Mapping[Scope, Mapping[str, Given]]


def entries(facts: Facts, database_name: str) -> Entries:
    """What stands in pg_default_acl."""
    names = facts.once(names_by_oid)
    found: dict[Scope, dict[str, Given]] = {}
    for row in facts.rows(DEFAULT_PRIVILEGES, database_name):
        grantees = found.setdefault(Scope(row.creator, row.schema, _LETTER[row.letter]), {})
        if row.grantee is not None:
            grantable = acl.split(row.grantable)
            grantees[names.get(row.grantee, str(row.grantee))] = Given(
                acl.split(row.plain) | grantable, grantable
            )
    return found


def _rows(facts: Facts, scope: Scope, grantees: Mapping[str, Given]) -> Iterator[DefaultAclFact]:
    """An entry as `entries` reads it: without a grantee it takes what is built in away."""
    oids = {role: oid for oid, role in facts.once(names_by_oid).items()}
    letter = next(letter for letter, kind in _LETTER.items() if kind == scope.kind)
    yield DefaultAclFact(scope.creator, scope.schema, letter, None, None, None)
    for role, given in grantees.items():
        if given.privileges:
            oid = oids[role] if role in oids else int(role)
            plain, grantable = (
                ",".join(sorted(words)) or None for words in (given.privileges, given.grantable)
            )
            yield DefaultAclFact(scope.creator, scope.schema, letter, oid, plain, grantable)


def _given(known: Entries, scope: Scope, role: str, major: int) -> Given:
    """What a grantee gets: as written, or built in while nothing is written for everywhere."""
    if scope in known:
        return known[scope].get(role, Given(_NOTHING, _NOTHING))
    return Given(usual(scope, major).get(role, _NOTHING), _NOTHING)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the spec in one database, and where it stands."""

    database: str
    spec: DefaultPrivilegeSpec
    keys: Keys

    @property
    def address(self) -> str:
        spec = self.spec
        where = f" in schema {quoted_name(spec.in_schema)}" if spec.in_schema else ""
        preposition = "to" if spec.to else "from"
        who = f"{preposition} {', '.join(map(quoted_name, spec.roles))}"
        creators = ", ".join(map(quoted_name, spec.for_))
        what = f"{', '.join(spec.words)} on {spec.on} {who}"
        return f"default_privilege[{quoted_name(self.database)}: {creators}{where}: {what}]"

    def scopes(self) -> Iterator[Scope]:
        for creator in self.spec.for_:
            yield Scope(creator, self.spec.in_schema, self.spec.kind)


@dataclass(frozen=True, slots=True, eq=False)
class DefaultPrivileges(ServerResource):
    """All lines about one database. Its scope is exact: an entry that the spec does not say is drift."""

    kind: ClassVar[str] = "default_privilege"
    database: str
    lines: tuple[Line, ...]
    left: LeftAlone
    """Where what the spec does not name is left alone."""

    def checks(self) -> Iterator[Check]:
        for line in self.lines:
            field = "granted" if line.spec.to is not None else "revoked"
            yield Check(self, line.address, field, line.keys, partial(self._compare, line), subject=line)
        keys = ("databases", self.database, "default_privileges")
        address = f"default_privilege[{quoted_name(self.database)}]"
        yield Check(self, address, "undeclared", keys, self._compare_undeclared, "undeclared")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if missing := database.absent(self.database, facts):
            return missing
        line: Line | None = check.subject
        if line is None:
            return None
        for role in (*line.spec.for_, *line.spec.roles):
            if missing := absent(role, facts):
                return missing
        return schema.absent(self.database, line.spec.in_schema, facts) if line.spec.in_schema else None

    def roles_named(self, facts: Facts, check: Check) -> Sequence[str]:
        line: Line | None = check.subject
        return (*line.spec.for_, *line.spec.roles) if line is not None else ()

    # -- compare -----------------------------------------------------------------------------------

    def _off(self, facts: Facts, line: Line) -> Iterator[tuple[Scope, str, frozenset[str]]]:
        """Of a grant what is missing, of a revoke what is there, by scope and grantee."""
        known = facts.once(entries, self.database)
        desired = acl.meant(line.spec.words, line.spec.kind, facts.about.major)
        for scope in line.scopes():
            for role in line.spec.roles:
                given = _given(known, scope, role, facts.about.major)
                if line.spec.to is None:
                    off = desired & given.privileges
                else:
                    off = desired - (given.grantable if line.spec.grant_option else given.privileges)
                if off:
                    yield scope, role, off

    def _compare(self, line: Line, facts: Facts) -> Outcome:
        if line.spec.on == "large_objects" and facts.about.major < 18:
            raise Inapplicable(
                f"PostgreSQL {facts.about.major} has no default privileges on large objects; 18 brought them"
            )
        off = list(self._off(facts, line))
        what = listing(
            f"{', '.join(sorted(words))} by {quoted_name(scope.creator)} for {quoted_name(role)}"
            for scope, role, words in off
        )
        if line.spec.to is None:
            return Outcome(not off, "not given", f"given: {what}" if off else "not given")
        desired = "given" + (" with grant option" if line.spec.grant_option else "")
        return Outcome(not off, desired, f"missing {what}" if off else desired)

    def _compare_undeclared(self, facts: Facts) -> Outcome:
        if self.left.whole:
            raise Inapplicable(self.left.note)
        extra, lost = facts.once(_undeclared, self)
        actual = [
            f"{_text(scope)} gives {', '.join(sorted(g.privileges))} to {quoted_name(role)}"
            for scope, role, g in extra
        ]
        actual += [
            f"{_text(scope)} takes {', '.join(sorted(words))} from {quoted_name(role)}"
            for scope, role, words in lost
        ]
        return Outcome(not actual, "nothing beyond the spec", listing(actual), note=self.left.note)

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        grants: dict[tuple[Scope, str, tuple[str, ...], bool], tuple[list[str], list[str]]] = defaultdict(
            lambda: ([], [])
        )
        for drift in drifts:
            line: Line | None = drift.check.subject
            if line is None:
                yield self._undo(facts, drift.check.id)
                continue
            for scope, role, words in self._off(facts, line):
                verb = "REVOKE" if line.spec.to is None else "GRANT"
                roles, causes = grants[scope, verb, tuple(sorted(words)), line.spec.grant_option]
                roles.append(role)
                causes.append(drift.check.id)
        for (scope, verb, given, option), (roles, causes) in grants.items():
            grantees = sorted(set(roles))
            statement = _statement(scope, f"{verb} {', '.join(given)}", grantees, option=option)
            made = self._change([statement], [scope.creator], *dict.fromkeys(causes))
            number = len(given) * len(grantees) if verb == "REVOKE" else 0
            yield replace(made, taken=TakenAway(default_privileges=number))

    def _undo(self, facts: Facts, cause: str) -> Change:
        extra, lost = facts.once(_undeclared, self)
        texts = []
        for scope, role, given in extra:
            only = "GRANT OPTION FOR " if given.grantable else ""
            texts.append(
                _statement(scope, f"REVOKE {only}{', '.join(sorted(given.privileges))}", [role], option=False)
            )
        for scope, role, words in lost:
            texts.append(_statement(scope, f"GRANT {', '.join(sorted(words))}", [role], option=False))
        creators = dict.fromkeys(scope.creator for scope, *_ in (*extra, *lost))
        taken = sum(len(given.privileges) for _, _, given in extra)
        made = self._change(texts, creators, cause)
        return replace(made, taken=TakenAway(default_privileges=taken), undeclared=bool(extra))

    def swept(self, facts: Facts) -> Iterator[DefaultAclFact]:
        """The entries without what no line says, and with what no line takes away."""
        known = {scope: dict(grantees) for scope, grantees in facts.once(entries, self.database).items()}
        extra, lost = facts.once(_undeclared, self)
        for scope, role, given in extra:
            before = known[scope][role]
            gone = _NOTHING if given.grantable else given.privileges
            known[scope][role] = Given(before.privileges - gone, before.grantable - given.privileges)
        for scope, role, words in lost:
            before = known[scope].get(role, Given(_NOTHING, _NOTHING))
            known[scope][role] = Given(before.privileges | words, before.grantable)
        for scope, grantees in known.items():
            yield from _rows(facts, scope, grantees)

    def named(self, facts: Facts) -> int:
        """How many privileges the lines name: each for one creator and one grantee."""
        return sum(
            len(acl.meant(line.spec.words, line.spec.kind, facts.about.major))
            * len(line.spec.for_)
            * len(line.spec.roles)
            for line in self.lines
        )

    def _change(self, texts: Sequence[str], creators: Iterable[str], *causes: str) -> Change:
        made = statements(*texts)
        return Change(Stage.DEFAULT_PRIVILEGE, made, causes, database=self.database, acts_as=tuple(creators))


def _statement(scope: Scope, text: str, roles: Iterable[str], *, option: bool) -> str:
    """One ALTER DEFAULT PRIVILEGES; `text` is the verb with its privileges."""
    where = f" IN SCHEMA {ident(scope.schema)}" if scope.schema is not None else ""
    plural = "LARGE OBJECTS" if scope.kind == "large_object" else PLURAL[scope.kind].upper()
    who = f"{'TO' if text.startswith('GRANT') else 'FROM'} {', '.join(map(grantee, roles))}"
    tail = " WITH GRANT OPTION" if option else ""
    return f"ALTER DEFAULT PRIVILEGES FOR ROLE {ident(scope.creator)}{where} {text} ON {plural} {who}{tail}"


def _text(scope: Scope) -> str:
    where = f" in schema {quoted_name(scope.schema)}" if scope.schema is not None else ""
    return f"{quoted_name(scope.creator)}{where} on {PLURAL[scope.kind]}"


def _undeclared(
    facts: Facts, resource: DefaultPrivileges
) -> tuple[list[tuple[Scope, str, Given]], list[tuple[Scope, str, frozenset[str]]]]:
    """What is given beyond the spec, and what built-in default is taken away beyond it."""
    granted, revoked = _declared(resource.lines, facts.about.major)
    extra, lost = [], []
    for scope, grantees in facts.once(entries, resource.database).items():
        for role, given in grantees.items():
            if resource.left.covers(scope.schema, scope.creator, role):
                continue
            declared = granted.get((scope, role), Given(_NOTHING, _NOTHING))
            extra += [(scope, role, more) for more in _beyond(scope, role, given, declared, revoked)]
        for role, built_in in usual(scope, facts.about.major).items():
            present = grantees.get(role, Given(_NOTHING, _NOTHING)).privileges
            if resource.left.covers(scope.schema, scope.creator, role):
                continue
            if taken := built_in - present - revoked.get((scope, role), _NOTHING):
                lost.append((scope, role, taken))
    return extra, lost


def _beyond(
    scope: Scope,
    role: str,
    given: Given,
    declared: Given,
    revoked: Mapping[tuple[Scope, str], frozenset[str]],
) -> Iterator[Given]:
    """Privileges that are too many, and of those that stay the grant option."""
    if scope.schema is None and role == scope.creator:
        return
    builtin = _BUILTIN.get(scope.kind, _NOTHING) if scope.schema is None and role == "PUBLIC" else _NOTHING
    going = revoked.get((scope, role), _NOTHING)
    more = given.privileges - declared.privileges - builtin - going
    if more:
        yield Given(more, _NOTHING)
    if passing_on := given.grantable - declared.grantable - more - going:
        yield Given(passing_on, passing_on)


def usual(scope: Scope, major: int) -> Mapping[str, frozenset[str]]:
    """What a global entry holds unless somebody takes it away."""
    if scope.schema is not None:
        return {}
    return {scope.creator: privileges(scope.kind, major), "PUBLIC": _BUILTIN.get(scope.kind, _NOTHING)}


def _declared(
    lines: Iterable[Line], major: int
) -> tuple[Mapping[tuple[Scope, str], Given], Mapping[tuple[Scope, str], frozenset[str]]]:
    granted: dict[tuple[Scope, str], Given] = {}
    revoked: dict[tuple[Scope, str], frozenset[str]] = {}
    for line in lines:
        words = acl.meant(line.spec.words, line.spec.kind, major)
        for scope in line.scopes():
            for role in line.spec.roles:
                if line.spec.to is None:
                    revoked[scope, role] = revoked.get((scope, role), _NOTHING) | words
                    continue
                before = granted.get((scope, role), Given(_NOTHING, _NOTHING))
                option = words if line.spec.grant_option else _NOTHING
                granted[scope, role] = Given(before.privileges | words, before.grantable | option)
    return granted, revoked


def resources(spec: Spec) -> Iterator[ServerResource]:
    for target, own in spec.databases.items():
        if own.allow_connections is False:
            continue  # nobody can look into it
        lines = [
            Line(target, line, ("databases", source, "default_privileges", index))
            for source, body in inherited(spec, target)
            for index, line in enumerate(body.default_privileges)
        ]
        left = left_alone(spec, target, "default_privileges")
        yield DefaultPrivileges(target, said_once(lines), left)
