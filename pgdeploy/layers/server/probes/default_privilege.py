"""Probes of `default_privileges:`: what the creator makes now is usable by those whom the line names.

The creator makes an object, all grantees are asked about it, and it is rolled back. A line without `in_schema` is
tried in a schema made for the purpose, so that no entry for a schema of the spec adds to it; there the first grantee
also uses the object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server import acl, database, schema
from pgdeploy.layers.server.default_privilege import DefaultPrivileges, Line
from pgdeploy.layers.server.default_privilege import resources as catalogue
from pgdeploy.layers.server.login.session import server_of, session
from pgdeploy.layers.server.probes import trial
from pgdeploy.layers.server.probes.act import PUBLIC
from pgdeploy.layers.server.probes.allowance import inherited
from pgdeploy.layers.server.probes.fence import fence
from pgdeploy.layers.server.probes.question import OPTION, roles_to_be
from pgdeploy.layers.server.probes.trial import Grantee, Result, Trial, run_trials
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent, roles
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

_BUILTIN = {"function": frozenset({"EXECUTE"}), "type": frozenset({"USAGE"})}
"""What PUBLIC has on new objects unless a line takes it away."""

Tried = Mapping["tuple[Keys, str, str]", trial.Result]
"""By the line's place, creator and grantee."""


@dataclass(frozen=True, slots=True, eq=False)
class DefaultPrivilegeProbes(ServerResource):
    """The probes of all lines about one database."""

    kind: ClassVar[str] = "default_privilege"
    database: str
    lines: tuple[Line, ...]
    inherits: Mapping[str, frozenset[str]]

    def checks(self) -> Iterator[Check]:
        for line in self.lines:
            field, compare = (
                ("reaches", self._compare_reaches) if line.spec.to else ("refused", self._compare_refused)
            )
            run_it = lambda facts, line=line, compare=compare: compare(facts, line)  # noqa: E731
            yield Check(self, line.address, field, line.keys, run_it, "probe", line)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        if facts.about.standby:
            return "this server is a standby: nothing can be made on it to try"
        line: Line = check.subject
        if line.spec.on == "large_objects" and facts.about.major < 18:
            return (
                f"PostgreSQL {facts.about.major} has no default privileges on large objects; 18 brought them"
            )
        return None

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        server_of(facts)
        if missing := database.absent(self.database, facts):
            return missing
        return _missing(facts, check.subject)

    # -- compare -----------------------------------------------------------------------------------

    def _compare_reaches(self, facts: Facts, line: Line) -> Outcome:
        words = _words(line, facts.about.major)
        failing = []
        for creator, role, tried in self._tried(facts, line):
            lacking = sorted(words - tried.held)
            if lacking or tried.obstacle:
                what = f"{', '.join(lacking)} missing" if lacking else tried.obstacle
                failing.append(f"{quoted_name(role)} on what {quoted_name(creator)} makes: {what}")
        usable = f"usable: new {line.spec.on.replace('_', ' ')}"
        desired = f"{usable} ({_how(line)})"
        return Outcome(
            not failing, desired, listing(failing) if failing else usable, note=self._untried(facts, line)
        )

    def _compare_refused(self, facts: Facts, line: Line) -> Outcome:
        words = _words(line, facts.about.major)
        failing, asked = [], 0
        for creator, role, tried in self._tried(facts, line):
            left = words - self._given_otherwise(facts, line, creator, role)
            asked += len(left)
            if too_much := sorted(left & tried.held):
                failing.append(
                    f"{', '.join(too_much)} for {quoted_name(role)} on what {quoted_name(creator)} makes"
                )
        if not asked:
            raise Inapplicable("it is theirs all the same: as superuser, creator, member, or through PUBLIC")
        actual = f"allowed: {listing(failing)}" if failing else "refused"
        return Outcome(not failing, "refused", actual, note=self._untried(facts, line))

    def _tried(self, facts: Facts, line: Line) -> Iterator[tuple[str, str, trial.Result]]:
        """What could be tried of a line.

        Raises:
            Inapplicable: nothing.
        """
        results = self._results(facts, line)
        if all(tried.untried for _, _, tried in results):
            raise Inapplicable(listing({tried.untried for _, _, tried in results}))
        yield from (result for result in results if not result[2].untried)

    def _untried(self, facts: Facts, line: Line) -> str:
        reasons = {tried.untried for _, _, tried in self._results(facts, line) if tried.untried}
        return f"not tried: {listing(reasons)}" if reasons else ""

    def _results(self, facts: Facts, line: Line) -> list[tuple[str, str, trial.Result]]:
        tried = facts.once(_run, self)
        return [(creator, role, tried[line.keys, creator, role]) for creator, role in _pairs(line)]

    def _given_otherwise(self, facts: Facts, line: Line, creator: str, role: str) -> frozenset[str]:
        """What a role has on a new object whatever this line takes away from it."""
        holders = self.inherits.get(role, frozenset({role}))
        words = _words(line, facts.about.major)
        if creator in holders or (role != PUBLIC and facts.once(roles)[role].superuser):
            return words
        given: set[str] = set() if role == PUBLIC else set(_BUILTIN.get(line.spec.kind, ()))
        for other in self.lines:
            if (
                other.spec.kind == line.spec.kind
                and creator in other.spec.for_
                and other.spec.in_schema is None
            ):
                if other.spec.to and holders.union([PUBLIC]) & set(other.spec.to):
                    given |= _words(other, facts.about.major)
                elif other.spec.from_ and PUBLIC in other.spec.from_:
                    given -= _words(other, facts.about.major)
        return frozenset(given)


def _how(line: Line) -> str:
    """How this is answered, for the check's words."""
    if line.spec.in_schema is None:
        return "one is made, asked about, used by the first grantee and rolled back"
    return "one is made, asked about and rolled back; not used, as its schema is another's"


def _missing(facts: Facts, line: Line) -> str | None:
    for role in (*line.spec.for_, *line.spec.roles):
        if missing := absent(role, facts):
            return missing
    return schema.absent(line.database, line.spec.in_schema, facts) if line.spec.in_schema else None


def _words(line: Line, major: int) -> frozenset[str]:
    plain = acl.meant(line.spec.words, line.spec.kind, major)
    return plain | {word + OPTION for word in plain} if line.spec.grant_option else plain


def _pairs(line: Line) -> Iterator[tuple[str, str]]:
    yield from ((creator, role) for creator in line.spec.for_ for role in line.spec.roles)


def _run(facts: Facts, probes: DefaultPrivilegeProbes) -> Tried:
    """Every trial of the database, in one session: one for a creator, a kind and a schema."""
    lines = [line for line in probes.lines if _can_be_tried(facts, line)]
    asked: dict[tuple[str, str | None, str], dict[str, set[str]]] = {}
    using: dict[tuple[str, str | None, str], str] = {}
    for line in lines:
        for creator, role in _pairs(line):
            key = (line.spec.kind, line.spec.in_schema, creator)
            asked.setdefault(key, {}).setdefault(role, set()).update(_words(line, facts.about.major))
            if line.spec.to is not None and role != PUBLIC:
                using.setdefault(key, role)
    with session(facts, probes.database) as connection:
        can_be = roles_to_be(connection, facts)
        trials = {key: _trial(facts, key, words, using.get(key), can_be) for key, words in asked.items()}
        barrier = fence(connection, facts)
        untried = Result(untried=barrier.obstacle)
        made = () if barrier.obstacle else trials.values()
        results = run_trials(connection, made, barrier.statements)
    return {
        (line.keys, creator, role): results.get(
            (trials[line.spec.kind, line.spec.in_schema, creator], role), untried
        )
        for line in lines
        for creator, role in _pairs(line)
    }


def _trial(
    facts: Facts,
    key: tuple[str, str | None, str],
    words: Mapping[str, Collection[str]],
    user: str | None,
    can_be: Collection[str],
) -> Trial:
    known = facts.once(roles)
    grantees = {
        role: Grantee(role, 0 if role == PUBLIC else known[role].oid, tuple(sorted(of_role)))
        for role, of_role in words.items()
    }
    used_by = grantees[user] if user is not None and user in can_be and key[1] is None else None
    return Trial(*key, tuple(grantees.values()), used_by)


def _can_be_tried(facts: Facts, line: Line) -> bool:
    return _missing(facts, line) is None and (line.spec.on != "large_objects" or facts.about.major >= 18)


def probes(spec: Spec) -> Iterator[ServerResource]:
    inherits = {role: inherited(spec, role) for role, body in spec.roles.items() if body.state == "present"}
    for resource in catalogue(spec):
        if isinstance(resource, DefaultPrivileges):
            yield DefaultPrivilegeProbes(resource.database, resource.lines, inherits)
