"""Probes of `grants:`: what a line gives works, what nothing gives is refused, what a line revokes is refused.

Each is one check a line, however many objects and grantees it names. All are asked of the server's
has_..._privilege; one object of each kind is also tried as the grantee (question.py). The check says which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server import database, schema
from pgdeploy.layers.server.acl import ObjectKey, shown, table_of
from pgdeploy.layers.server.external import externals
from pgdeploy.layers.server.grant_line import Line, lines_of
from pgdeploy.layers.server.login.session import session
from pgdeploy.layers.server.probes.act import PUBLIC
from pgdeploy.layers.server.probes.allowance import Allowance, allowance, words_of
from pgdeploy.layers.server.probes.ask import Question
from pgdeploy.layers.server.probes.catalog_object import CatalogObjects, column_of, read_objects
from pgdeploy.layers.server.probes.question import Answers, answer
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent, names_by_oid, roles
from pgdeploy.layers.server.unmanaged import LeftAlone, left_alone, roles_with
from pgdeploy.model.inheritance import said_once
from pgdeploy.postgres.privilege import privileges
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True, eq=False)
class GrantProbes(ServerResource):
    """The probes of all lines about one database, or about what all databases share."""

    kind: ClassVar[str] = "grant"
    database: str | None
    lines: tuple[Line, ...]
    allowance: Allowance
    unknown: frozenset[str]
    """Roles of which the spec does not know all that they have: others keep them, or it leaves the rest alone."""
    left: LeftAlone

    def checks(self) -> Iterator[Check]:
        for line in self.lines:
            if line.spec.to is not None:
                yield self._check(line, "works", self._compare_works)
                yield self._check(line, "stops_there", self._compare_stops)
            else:
                yield self._check(line, "refused", self._compare_refused)

    def _check(self, line: Line, field: str, compare: object) -> Check:
        run = lambda facts: compare(facts, line)  # type: ignore[operator]  # noqa: E731
        return Check(self, line.address, field, line.keys, run, "probe", line)

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        if self.database is not None and (missing := database.absent(self.database, facts)):
            return missing
        line: Line = check.subject
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
        if unclear := line.unclear(facts):
            return unclear.why
        there = facts.once(_things, self)
        missing = [shown(key) for key in line.keys_in(facts) if not _is_there(key, there)]
        return f"{listing(missing)} does not exist" if missing else None

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        line: Line = check.subject
        if not privileges(line.kind, facts.about.major):
            return f"PostgreSQL {facts.about.major} has no privileges on a {line.kind}"
        if not line.privileges(facts.about.major):
            return f"PostgreSQL {facts.about.major} has no {', '.join(line.spec.words)} on a {line.kind}"
        return None

    def is_open(self, role: str) -> bool:
        """Whether it may have privileges that the spec leaves alone, itself or by one whose privileges it has."""
        return not self.unknown.isdisjoint(self.allowance.inherits.get(role, frozenset({role})))

    # -- compare -----------------------------------------------------------------------------------

    def _compare_works(self, facts: Facts, line: Line) -> Outcome:
        answers = facts.once(_answers, self)
        questions = facts.once(_wishes, self, line)
        if not questions:
            raise Inapplicable(f"nothing to try it on: no {line.spec.on.text.removeprefix('all ')}")
        failing = [
            (question.role, question.key, word, why)
            for question in questions
            for word, why in answers.obstacles(question)
        ]
        desired = f"works ({answers.how(questions)})"
        actual = listing(_failures(failing)) if failing else "works"
        return Outcome(not failing, desired, actual, note=answers.rows.note(questions))

    def _compare_stops(self, facts: Facts, line: Line) -> Outcome:
        return self._compare_refusals(facts, line, "all else is refused")

    def _compare_refused(self, facts: Facts, line: Line) -> Outcome:
        return self._compare_refusals(facts, line, "refused")

    def _compare_refusals(self, facts: Facts, line: Line, desired: str) -> Outcome:
        questions = facts.once(_limits, self, line)
        known = facts.once(roles)
        superusers = [role for role in line.spec.roles if role != PUBLIC and known[role].superuser]
        said = (
            f"{listing(map(quoted_name, superusers))}: a superuser is refused nothing" if superusers else ""
        )
        if line.spec.to and (others := [role for role in line.spec.roles if self.is_open(role)]):
            theirs = f"{listing(map(quoted_name, others))}: what else it has is not in the spec"
            said = "; ".join(filter(None, [said, theirs]))
        if line.spec.to and self.left.whole:
            raise Inapplicable(self.left.note)
        if not questions:
            raise Inapplicable(
                said or "all of it is theirs by another line, a membership, PUBLIC or ownership"
            )
        answers = facts.once(_answers, self)
        allowed = [
            (question.role, question.key, word, "")
            for question in questions
            for word in answers.allowed(question)
        ]
        actual = f"allowed: {listing(_failures(allowed))}" if allowed else "refused"
        return Outcome(not allowed, f"{desired} ({answers.how(questions)})", actual, note=said)


def _failures(failing: Iterable[tuple[str, ObjectKey, str, str]]) -> list[str]:
    """One phrase for each grantee, object and reason, with all its privileges."""
    grouped: dict[tuple[str, ObjectKey, str], list[str]] = defaultdict(list)
    for role, key, word, why in failing:
        grouped[role, key, why].append(word)
    return [
        f"{', '.join(sorted(words))} on {shown(key)} for {quoted_name(role)}{f' ({why})' if why else ''}"
        for (role, key, why), words in grouped.items()
    ]


# -- questions -----------------------------------------------------------------------------------------


def _things(facts: Facts, probes: GrantProbes) -> CatalogObjects:
    """The objects of all lines, and their schemas."""
    lines = [line for line in probes.lines if _can_be_asked(facts, probes, line)]
    keys = {key for line in lines for key in line.keys_in(facts)}
    with session(facts, probes.database) as connection:
        return read_objects(connection, keys, facts.once(names_by_oid))


def _answers(facts: Facts, probes: GrantProbes) -> Answers:
    """Everything that the lines give rise to, asked in one session."""
    lines = [line for line in probes.lines if _can_be_asked(facts, probes, line)]
    wishes = list(chain.from_iterable(facts.once(_wishes, probes, line) for line in lines))
    limits = list(chain.from_iterable(facts.once(_limits, probes, line) for line in lines))
    things = facts.once(_things, probes)
    with session(facts, probes.database) as connection:
        return answer(connection, facts, things, wishes, limits)


def _can_be_asked(facts: Facts, probes: GrantProbes, line: Line) -> bool:
    """Whether the line's roles and schema are there, and this version has its privileges."""
    if any(absent(role, facts) for role in line.spec.roles) or not line.privileges(facts.about.major):
        return False
    inside = line.spec.on.schema_
    return probes.database is None or inside is None or schema.absent(probes.database, inside, facts) is None


def _is_there(key: ObjectKey, things: CatalogObjects) -> bool:
    thing = things.get(table_of(key))
    return thing is not None and (key.kind != "column" or column_of(key, thing) is not None)


def _wishes(facts: Facts, probes: GrantProbes, line: Line) -> list[Question]:
    """What a line gives."""
    if line.spec.to is None:
        return []
    words = words_of(line, facts.about.major)
    return [Question(role, key, words) for key in line.keys_in(facts) for role in line.spec.roles]


def _limits(facts: Facts, probes: GrantProbes, line: Line) -> list[Question]:
    """What must be refused: all that a revoke names, and beside a grant all that nothing gives."""
    major, known = facts.about.major, facts.once(roles)
    limited = [role for role in line.spec.roles if role == PUBLIC or not known[role].superuser]
    if line.spec.to:
        limited = [role for role in limited if not probes.is_open(role)]
    found: list[Question] = []
    for key, owner in _around(facts, probes, line):
        if line.spec.to and probes.left.covers(key.name if key.kind == "schema" else key.schema):
            continue
        for role in limited:
            words = probes.allowance.everything(facts, key, role) if line.spec.to else line.privileges(major)
            left = words - probes.allowance.of(facts, role, key, owner)
            if left:
                found.append(Question(role, key, left))
    return found


def _around(facts: Facts, probes: GrantProbes, line: Line) -> Iterator[tuple[ObjectKey, str]]:
    """The objects of a line and their owners; beside columns that it grants on, the table's other columns."""
    things = facts.once(_things, probes)
    keys = [key for key in line.keys_in(facts) if _is_there(key, things)]
    if line.kind == "column" and line.spec.to is not None and keys:
        keys = [keys[0]._replace(sub=column.name) for column in things[table_of(keys[0])].columns]
    for key in keys:
        yield key, things[table_of(key)].owner


def probes(spec: Spec) -> Iterator[ServerResource]:
    unknown = externals(spec) | roles_with(spec, "grants") | roles_with(spec, "member_of")
    for target in (None, *spec.databases):
        left = left_alone(spec, target, "grants")
        server = (Line(None, line, ("grants", index)) for index, line in enumerate(spec.grants))
        lines = said_once(server if target is None else lines_of(spec, target))
        yield GrantProbes(target, lines, allowance(spec, target, lines), unknown, left)
