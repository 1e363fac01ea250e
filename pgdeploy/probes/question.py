"""All questions about the privileges in one database, put together: asked in bulk, and tried where that can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.facts import Facts
from pgdeploy.probes.act import PUBLIC, Act, act_of, outcome
from pgdeploy.probes.ask import Question, ask
from pgdeploy.probes.script import run
from pgdeploy.probes.thing import Things, table_of
from pgdeploy.resources.acl import ObjectKey
from pgdeploy.resources.role import roles

if TYPE_CHECKING:
    import psycopg

OPTION = " WITH GRANT OPTION"

_IN_SCHEMA = ("table", "column", "sequence", "function", "procedure", "type")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the server said (`held`), and where it was tried whether that was allowed, with its words."""

    things: Things
    held: frozenset[Question]
    tried: Mapping[Question, tuple[bool, str]]

    def obstacle(self, question: Question) -> str | None:
        """Why a privilege does not work, or None when it does."""
        role, key, _ = question
        allowed, words = self.tried.get(question, (True, ""))
        if not allowed:
            return words
        if question not in self.held:
            return "not held"
        if key.kind in _IN_SCHEMA and usage(role, key) not in self.held:
            return f"no USAGE on schema {key.schema}"
        return None

    def allowed(self, question: Question) -> bool:
        """Whether anything says that the role may."""
        return question in self.held or self.tried.get(question, (False, ""))[0]


def usage(role: str, key: ObjectKey) -> Question:
    """Without it nothing in the schema can be named."""
    return role, ObjectKey("schema", None, key.schema or ""), "USAGE"


def answer(
    connection: psycopg.Connection[Any],
    facts: Facts,
    things: Things,
    questions: Collection[Question],
    to_try: Iterable[Question],
) -> Answers:
    """Ask everything and try what is to be tried, in a few round trips. What is absent has no answer."""
    oids = {PUBLIC: 0, **{role: fact.oid for role, fact in facts.once(roles).items()}}
    known = {question for question in questions if table_of(question[1]) in things and question[0] in oids}
    known |= {usage(role, key) for role, key, _ in known if key.kind in _IN_SCHEMA}
    known = {question for question in known if table_of(question[1]) in things}
    held = ask(connection, known, things, oids)
    return Answers(things, held, _try(connection, facts, things, [one for one in to_try if one in known]))


def _try(
    connection: psycopg.Connection[Any], facts: Facts, things: Things, questions: Iterable[Question]
) -> Mapping[Question, tuple[bool, str]]:
    can_be = _roles_to_be(connection, facts)
    acts: dict[Question, Act] = {}
    for question in questions:
        role, key, privilege = question
        act = act_of(key, privilege, things[table_of(key)]) if role in can_be else None
        if act is not None and not (act.writes and facts.about.standby):
            acts[question] = act
    scripts = [act.script(role) for (role, _, _), act in acts.items()]
    answers = run(connection, scripts)
    found = zip(acts.items(), scripts, answers, strict=True)
    outcomes = {question: outcome(act, script, given) for (question, act), script, given in found}
    return {question: result for question, result in outcomes.items() if result is not None}


def _roles_to_be(connection: psycopg.Connection[Any], facts: Facts) -> frozenset[str]:
    """Roles that our own user may SET ROLE to. As PUBLIC we act through a role that we make, as superuser only."""
    option = "SET" if facts.about.major >= 16 else "MEMBER"
    rows = connection.execute(
        "SELECT rolname::text FROM pg_roles WHERE pg_has_role(current_user, oid, %s)", [option]
    )
    found = {str(row[0]) for row in rows}
    if facts.about.superuser and not facts.about.standby:
        found.add(PUBLIC)
    return frozenset(found)
