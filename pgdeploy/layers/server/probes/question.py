"""All questions about the privileges in one database, put together: asked in bulk, and some tried.

Every privilege is asked of the server's has_..._privilege. For each role and kind of object one is also tried where
that runs nothing that others define (act.py): on an object that the role must be able to use, and on one that it must
not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.acl import ObjectKey, table_of
from pgdeploy.layers.server.probes.act import PUBLIC, act_of, sort_of
from pgdeploy.layers.server.probes.ask import FUNCTION, Held, Question, ask
from pgdeploy.layers.server.probes.catalog_object import CatalogObjects
from pgdeploy.layers.server.probes.fence import fence
from pgdeploy.layers.server.probes.rows import NO_POLICY, RowSecurity, row_security
from pgdeploy.layers.server.probes.trying import Results, Try, run_tries
from pgdeploy.layers.server.rolefact import roles
from pgdeploy.postgres.privilege import privileges
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    import psycopg

OPTION = " WITH GRANT OPTION"

_IN_SCHEMA = ("table", "column", "sequence", "function", "procedure", "type")
_USAGE = frozenset({"USAGE"})


@dataclass(frozen=True, slots=True)
class Answers:
    """What the server said (`held`), and where it was tried whether that was allowed."""

    things: CatalogObjects
    held: Held
    tried: Results
    rows: RowSecurity
    untried: Mapping[str, str]
    """Roles that could not be tried at all, and why."""
    obstacle: str = ""
    """Why nothing could be made."""

    def obstacles(self, question: Question) -> Iterator[tuple[str, str]]:
        """Privileges that do not work, each with the reason."""
        role, key, words = question
        held = self.held.of(question)
        outside = key.kind in _IN_SCHEMA and not self.held.of(usage(role, key))
        for word in words:
            said = self.tried.get((question.pair, word), (True, ""))
            if not said[0]:
                yield word, said[1]
            elif word not in held:
                yield word, "not held"
            elif outside:
                yield word, f"no USAGE on schema {key.schema}"
            elif self.rows.without_rows(question, word):
                yield word, NO_POLICY

    def allowed(self, question: Question) -> frozenset[str]:
        """Privileges of which anything says that the role has them."""
        tried = {word for word in question.words if self.tried.get((question.pair, word), (False, ""))[0]}
        return self.held.of(question) | tried

    def how(self, questions: Iterable[Question]) -> str:
        """How this was answered, for the check's words."""
        asked = list(questions)
        functions = " and ".join(sorted({f"{FUNCTION[question.key.kind]}()" for question in asked}))
        tried = {question.role for question in asked if self._was_tried(question)}
        if tried:
            return f"asked of {functions}, tried as {listing(map(quoted_name, tried))}"
        reasons = {self._why_not(question) for question in asked}
        return f"asked of {functions}, not tried: {listing(reasons)}"

    def _was_tried(self, question: Question) -> bool:
        return any((question.pair, word) in self.tried for word in question.words)

    def _why_not(self, question: Question) -> str:
        thing = self.things.get(table_of(question.key))
        acts = [act_of(question.key, word, thing) for word in question.words if thing is not None]
        if not any(acts):
            return "that would run what others define or leave traces"
        if self.obstacle and all(act.writes for act in acts if act is not None):
            return self.obstacle
        return self.untried.get(question.role, "another object of the kind is tried, or it was locked")


def usage(role: str, key: ObjectKey) -> Question:
    """Without it nothing in the schema can be named."""
    return Question(role, ObjectKey("schema", None, key.schema or ""), _USAGE)


def answer(
    connection: psycopg.Connection[Any],
    facts: Facts,
    things: CatalogObjects,
    wishes: Iterable[Question],
    limits: Iterable[Question],
) -> Answers:
    """Ask all, and try a few, in a few round trips. What is absent has no answer."""
    oids = {PUBLIC: 0, **{role: fact.oid for role, fact in facts.once(roles).items()}}
    wishes, limits = (
        [question for question in asked if question.role in oids and table_of(question.key) in things]
        for asked in (wishes, limits)
    )
    passages = {usage(role, key) for role, key, _ in (*wishes, *limits) if key.kind in _IN_SCHEMA}
    passages = {question for question in passages if question.key in things}
    held = ask(connection, [*passages, *wishes, *limits], things, oids)
    barrier = fence(connection, facts)
    untried = _untried(connection, facts, {question.role for question in (*wishes, *limits)})
    major = facts.about.major
    must_work = _firsts(wishes, lambda question, word: _working(question, word, things))
    must_fail = _firsts(limits, lambda question, word: _failing(question, word, things, held, major))
    tries = [
        one
        for one in (*must_work, *must_fail)
        if one.pair[0] not in untried and not (one.act.writes and barrier.obstacle)
    ]
    tried = run_tries(connection, tries, barrier.statements)
    rows = row_security(connection, things, wishes)
    return Answers(things, held, tried, rows, untried, barrier.obstacle)


def _firsts(questions: Iterable[Question], try_of: Callable[[Question, str], Try | None]) -> Iterator[Try]:
    """For each role and kind of object one try of each sort, on the first object that can be tried."""
    seen: set[tuple[str, str, frozenset[str]]] = set()
    for question in questions:
        for word in sorted(question.words):
            sort = sort_of(question.key.kind, word)
            place = (question.role, question.key.kind, sort)
            if sort and place not in seen and (found := try_of(question, word)):
                seen.add(place)
                yield found


def _working(question: Question, word: str, things: CatalogObjects) -> Try | None:
    act = act_of(question.key, word, things[table_of(question.key)])
    return Try(question.pair, word, act) if act is not None else None


def _failing(question: Question, word: str, things: CatalogObjects, held: Held, major: int) -> Try | None:
    """Where the role has nothing on the object that would let the same statement pass."""
    key = question.key
    bare = not held.of(question) and sort_of(key.kind, word) & privileges(key.kind, major) <= question.words
    act = act_of(key, word, things[table_of(key)]) if bare else None
    return Try(question.pair, word, act, refused=True) if act is not None else None


def _untried(connection: psycopg.Connection[Any], facts: Facts, asked: Collection[str]) -> Mapping[str, str]:
    """Roles that we do not act as, and why."""
    can_be = roles_to_be(connection, facts)
    known = facts.once(roles)
    return {
        role: "nobody can act as PUBLIC alone"
        if role == PUBLIC
        else (
            "a superuser may do everything"
            if known[role].superuser
            else f"{facts.about.user} may not SET ROLE to {quoted_name(role)}"
        )
        for role in asked
        if role == PUBLIC or known[role].superuser or role not in can_be
    }


def roles_to_be(connection: psycopg.Connection[Any], facts: Facts) -> frozenset[str]:
    """Roles that our own user may SET ROLE to."""
    option = "SET" if facts.about.major >= 16 else "MEMBER"
    query = "SELECT rolname::pg_catalog.text FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(oid, %s)"
    return frozenset(str(row[0]) for row in connection.execute(query, [option]))
