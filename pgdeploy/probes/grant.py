"""Probes of `grants:`: what a line gives works, what nothing gives is refused, what a line revokes is refused.

Each is one check a line, however many objects and grantees it names. All are asked of the server; a few of
each line are also tried, as the grantee.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.check import Check, Inapplicable, Outcome, Resource, listing, name
from pgdeploy.facts import Facts
from pgdeploy.privilege import privileges
from pgdeploy.probes.act import PUBLIC
from pgdeploy.probes.allowance import Allowance, allowance, words_of
from pgdeploy.probes.ask import Question
from pgdeploy.probes.door import Door, doors
from pgdeploy.probes.question import Answers, answer
from pgdeploy.probes.session import session
from pgdeploy.probes.thing import Things, column_of, read_things, table_of
from pgdeploy.resources import database, schema
from pgdeploy.resources.acl import ObjectKey
from pgdeploy.resources.grant import Line, lines_of
from pgdeploy.resources.object import shown
from pgdeploy.resources.role import absent, names_by_oid, roles

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec

TRIED = 8
"""Pairs of grantee and object of one line that are acted on; all of its pairs are asked about."""

LOGINS = 3
"""Grantees of one line that log in for CONNECT: a login costs milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class GrantProbes(Resource):
    """The probes of all lines about one database, or about what all databases share."""

    kind: ClassVar[str] = "grant"
    database: str | None
    lines: tuple[Line, ...]
    allowance: Allowance
    doors: Mapping[str, Door]
    """Of declared roles that can log in."""

    def checks(self) -> Iterator[Check]:
        for line in self.lines:
            if line.spec.to is not None:
                yield self._check(line, "works", self._compare_works)
                yield self._check(line, "stops_there", self._compare_stops)
            else:
                yield self._check(line, "refused", self._compare_refused)

    def _check(self, line: Line, field: str, compare: object) -> Check:
        run = lambda facts: compare(facts, line)  # type: ignore[operator]  # noqa: E731
        return Check(self, line.address, field, line.keys, run, "probe")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if self.database is not None and (missing := database.absent(self.database, facts)):
            return missing
        line = facts.once(_by_address, self)[check.address]
        for role in line.spec.roles:
            if missing := absent(role, facts):
                return missing
        on = line.spec.on
        if (
            self.database is not None
            and on.schema_
            and (missing := schema.absent(self.database, on.schema_, facts))
        ):
            return missing
        return self._no_object(facts, line)

    def _no_object(self, facts: Facts, line: Line) -> str | None:
        there = facts.once(_things, self)
        missing = [shown(key) for key in line.keys_in(facts) if not _is_there(key, there)]
        return f"{listing(missing)} does not exist" if missing else None

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        line = facts.once(_by_address, self)[check.address]
        if not privileges(line.kind, facts.about.major):
            return f"PostgreSQL {facts.about.major} has no privileges on a {line.kind}"
        if not line.privileges(facts.about.major):
            return f"PostgreSQL {facts.about.major} has no {', '.join(line.spec.words)} on a {line.kind}"
        return None

    # -- compare -----------------------------------------------------------------------------------

    def _compare_works(self, facts: Facts, line: Line) -> Outcome:
        answers = facts.once(_answers, self)
        questions = list(_positive(facts, line))
        if not questions:
            raise Inapplicable(f"nothing to try it on: no {line.spec.on.text.removeprefix('all ')}")
        entered = self._enter(facts, line) if "CONNECT" in line.privileges(facts.about.major) else {}
        failing = {
            question: words
            for question in questions
            if (words := answers.obstacle(question))
            and not (question[2] == "CONNECT" and entered.get(question[0]))
        }
        return Outcome(not failing, "works", listing(_failures(failing)) if failing else "works")

    def _compare_stops(self, facts: Facts, line: Line) -> Outcome:
        return self._compare_refusals(facts, line, facts.once(_limits, self, line), "all else is refused")

    def _compare_refused(self, facts: Facts, line: Line) -> Outcome:
        return self._compare_refusals(facts, line, facts.once(_limits, self, line), "refused")

    def _compare_refusals(
        self, facts: Facts, line: Line, questions: Collection[Question], desired: str
    ) -> Outcome:
        known = facts.once(roles)
        superusers = [role for role in line.spec.roles if role != PUBLIC and known[role].superuser]
        said = f"{listing(map(name, superusers))}: a superuser is refused nothing" if superusers else ""
        if not questions:
            raise Inapplicable(
                said or "all of it is theirs by another line, a membership, PUBLIC or ownership"
            )
        answers = facts.once(_answers, self)
        allowed = {question: "" for question in questions if answers.allowed(question)}
        connecting = {role for role, _, word in questions if word == "CONNECT"}
        entered = self._enter(facts, line, connecting) if connecting else {}
        for question in questions:
            if question[2] == "CONNECT" and entered.get(question[0]):
                allowed[question] = "it logged in"
        actual = f"allowed: {listing(_failures(allowed))}" if allowed else "refused"
        return Outcome(not allowed, desired, actual, note=said)

    def _enter(self, facts: Facts, line: Line, only: Collection[str] | None = None) -> Mapping[str, bool]:
        """Whether grantees that have a secret can really log in to this database."""
        known = [role for role in line.spec.roles if role in self.doors and (only is None or role in only)]
        return {role: self.doors[role].enters(facts, self.database or "") for role in known[:LOGINS]}


def _by_address(facts: Facts, probes: GrantProbes) -> Mapping[str, Line]:
    return {line.address: line for line in probes.lines}


def _failures(failing: Mapping[Question, str]) -> list[str]:
    """One phrase for each grantee, object and reason, with all its privileges."""
    grouped: dict[tuple[str, ObjectKey, str], list[str]] = defaultdict(list)
    for (role, key, word), words in failing.items():
        grouped[role, key, words].append(word)
    return [
        f"{', '.join(sorted(words))} on {shown(key)} for {name(role)}{f' ({why})' if why else ''}"
        for (role, key, why), words in grouped.items()
    ]


# -- questions -----------------------------------------------------------------------------------------


def _things(facts: Facts, probes: GrantProbes) -> Things:
    """The objects of all lines, and their schemas."""
    lines = [line for line in probes.lines if _can_be_asked(facts, probes, line)]
    keys = {key for line in lines for key in line.keys_in(facts)}
    with session(facts, probes.database) as connection:
        return read_things(connection, keys, facts.once(names_by_oid))


def _answers(facts: Facts, probes: GrantProbes) -> Answers:
    """Everything that the lines give rise to, asked in one session."""
    asked: dict[Question, None] = {}
    tried: dict[Question, None] = {}
    for line in probes.lines:
        if _can_be_asked(facts, probes, line):
            wishes, limits = list(_positive(facts, line)), facts.once(_limits, probes, line)
            asked.update(dict.fromkeys(chain(wishes, limits)))
            tried.update(dict.fromkeys(_sample(chain(wishes, _triable(facts, probes, limits)))))
    with session(facts, probes.database) as connection:
        return answer(connection, facts, facts.once(_things, probes), asked, tried)


def _can_be_asked(facts: Facts, probes: GrantProbes, line: Line) -> bool:
    """Whether the line's roles and schema are there, and this version has its privileges."""
    if any(absent(role, facts) for role in line.spec.roles) or not line.privileges(facts.about.major):
        return False
    inside = line.spec.on.schema_
    return probes.database is None or inside is None or schema.absent(probes.database, inside, facts) is None


def _is_there(key: ObjectKey, things: Things) -> bool:
    thing = things.get(table_of(key))
    return thing is not None and (key.kind != "column" or column_of(key, thing) is not None)


def _positive(facts: Facts, line: Line) -> Iterator[Question]:
    """What a line gives."""
    words = sorted(words_of(line, facts.about.major)) if line.spec.to is not None else ()
    for key in line.keys_in(facts):
        for role in line.spec.roles:
            yield from ((role, key, word) for word in words)


def _limits(facts: Facts, probes: GrantProbes, line: Line) -> list[Question]:
    """What must be refused: all that a revoke names, and beside a grant all that nothing gives."""
    major, known = facts.about.major, facts.once(roles)
    found: list[Question] = []
    for key, owner in _around(facts, probes, line):
        for role in line.spec.roles:
            if role == PUBLIC or not known[role].superuser:
                words = (
                    probes.allowance.everything(facts, key, role) if line.spec.to else line.privileges(major)
                )
                left = words - probes.allowance.of(facts, role, key, owner)
                found += ((role, key, word) for word in sorted(left))
    return found


def _around(facts: Facts, probes: GrantProbes, line: Line) -> Iterator[tuple[ObjectKey, str]]:
    """The objects of a line and their owners; beside columns that it grants on, the table's other columns."""
    things = facts.once(_things, probes)
    keys = [key for key in line.keys_in(facts) if _is_there(key, things)]
    if line.kind == "column" and line.spec.to is not None and keys:
        keys = [keys[0]._replace(sub=column.name) for column in things[table_of(keys[0])].columns]
    for key in keys:
        yield key, things[table_of(key)].owner


def _triable(facts: Facts, probes: GrantProbes, limits: Iterable[Question]) -> Iterator[Question]:
    """Without what single columns allow: on a table whose every column is granted, all of it would work."""
    for role, key, word in limits:
        if key.kind != "table" or word not in probes.allowance.of_columns(facts, role, key):
            yield role, key, word


def _sample(questions: Iterable[Question]) -> Iterator[Question]:
    """Those about a few pairs of grantee and object, spread over all of them."""
    by_pair: dict[tuple[str, ObjectKey], list[Question]] = defaultdict(list)
    for question in questions:
        by_pair[question[:2]].append(question)
    pairs = list(by_pair)
    step = max(1, -(-len(pairs) // TRIED))
    for pair in pairs[::step]:
        yield from by_pair[pair]


def probes(spec: Spec) -> Iterator[Resource]:
    known = {role: door for role, door in doors(spec).items() if spec.roles[role].login}
    for target in (None, *spec.databases):
        server = (Line(None, line, ("grants", index)) for index, line in enumerate(spec.grants))
        lines = tuple(server if target is None else lines_of(spec, target))
        yield GrantProbes(target, lines, allowance(spec, target, lines), known)
