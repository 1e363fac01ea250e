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
from pgdeploy.probes.login import Login, logins
from pgdeploy.probes.question import OPTION, Answers, answer
from pgdeploy.probes.session import session
from pgdeploy.probes.thing import Things, read_things, table_of
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
    logins: Mapping[str, Login]

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
        if self.database is not None and on.schema_ and (missing := schema.absent(self.database, on.schema_, facts)):
            return missing
        return self._no_object(facts, line)

    def _no_object(self, facts: Facts, line: Line) -> str | None:
        there = facts.once(_answers, self).things
        missing = [shown(key) for key in line.keys_in(facts) if table_of(key) not in there]
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
            raise Inapplicable(f"there is no {line.spec.on.text} to try it on")
        entered = self._enter(facts, line) if "CONNECT" in line.privileges(facts.about.major) else {}
        failing = {
            question: words
            for question in questions
            if (words := answers.obstacle(question)) and not (question[2] == "CONNECT" and entered.get(question[0]))
        }
        return Outcome(not failing, "works", listing(_failures(failing)) if failing else "works")

    def _compare_stops(self, facts: Facts, line: Line) -> Outcome:
        return self._compare_refusals(facts, line, facts.once(_forbidden, self, line), "nothing beyond the spec")

    def _compare_refused(self, facts: Facts, line: Line) -> Outcome:
        return self._compare_refusals(facts, line, facts.once(_revoked, self, line), "refused")

    def _compare_refusals(
        self, facts: Facts, line: Line, questions: Collection[Question], desired: str
    ) -> Outcome:
        known = facts.once(roles)
        superusers = [role for role in line.spec.roles if role != PUBLIC and known[role].superuser]
        said = f"{listing(map(name, superusers))}: a superuser is refused nothing" if superusers else ""
        if not questions:
            raise Inapplicable(said or "all of it is theirs by another line, a membership, PUBLIC or ownership")
        answers = facts.once(_answers, self)
        allowed = {question: "" for question in questions if answers.allowed(question)}
        connecting = {role for role, _, word in questions if word == "CONNECT"}
        entered = self._enter(facts, line, connecting) if connecting else {}
        for question in questions:
            if question[2] == "CONNECT" and entered.get(question[0]):
                allowed[question] = "it logged in"
        return Outcome(not allowed, desired, f"allowed: {listing(_failures(allowed))}" if allowed else desired, note=said)

    def _enter(self, facts: Facts, line: Line, only: Collection[str] | None = None) -> Mapping[str, bool]:
        """Whether grantees that have a secret can really log in to this database."""
        known = [role for role in line.spec.roles if role in self.logins and (only is None or role in only)]
        return {role: self.logins[role].enters(facts, self.database or "") for role in known[:LOGINS]}


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


def _answers(facts: Facts, probes: GrantProbes) -> Answers:
    """Everything that the lines give rise to, asked in one session."""
    lines = [line for line in probes.lines if _can_be_asked(facts, probes, line)]
    with session(facts, probes.database) as connection:
        things = read_things(connection, {key for line in lines for key in line.keys_in(facts)}, facts.once(names_by_oid))
        _remember(facts, probes, things)
        asked: dict[Question, None] = {}
        tried: dict[Question, None] = {}
        for line in lines:
            wishes, limits = list(_positive(facts, line)), _limits(facts, probes, line)
            asked.update(dict.fromkeys(chain(wishes, limits)))
            tried.update(dict.fromkeys(_sample(line, chain(wishes, _triable(facts, probes, limits)))))
        return answer(connection, facts, things, asked, tried)
