# ruff: noqa: S608 - every name is quoted by ident() or literal(), every oid is a number
"""Trials of default privileges: a creator makes an object, grantees are asked about it, and all is rolled back.

One object for a creator, a kind and a schema answers for all grantees, and many objects share one transaction.
An object is also used only where nobody can put another in its place: in a schema that the same transaction made.
In a schema of somebody else its name could mean another object the next moment, with code that would run in our
session; so there the server's has_..._privilege is asked by oid, and nothing is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.server.change import ident, literal
from pgdeploy.layers.server.probes.act import REFUSED, become, fresh
from pgdeploy.layers.server.probes.script import Answer, Script, run

if TYPE_CHECKING:
    import psycopg

TOGETHER = 40
"""Objects a transaction: each is locked until it ends."""

_CREATE: Mapping[str, str] = {
    "table": "CREATE TABLE {} (id pg_catalog.int4)",
    "sequence": "CREATE SEQUENCE {}",
    "function": "CREATE FUNCTION {}() RETURNS pg_catalog.int4 LANGUAGE sql AS 'SELECT 1'",
    "type": "CREATE TYPE {} AS ENUM ()",
    "schema": "CREATE SCHEMA {}",
    "large_object": "SELECT pg_catalog.lo_create({})",
}

_IS = {
    "table": ("has_table_privilege", "pg_class", "relname", "relnamespace"),
    "sequence": ("has_sequence_privilege", "pg_class", "relname", "relnamespace"),
    "function": ("has_function_privilege", "pg_proc", "proname", "pronamespace"),
    "type": ("has_type_privilege", "pg_type", "typname", "typnamespace"),
    "schema": ("has_schema_privilege", "pg_namespace", "nspname", "oid"),
}
"""By kind: the function that knows its privileges, its catalogue, and the columns of its name and schema there."""

_USE: Mapping[tuple[str, str], str] = {
    ("table", "SELECT"): "SELECT id FROM {}",
    ("table", "INSERT"): "INSERT INTO {} VALUES (1)",
    ("table", "UPDATE"): "UPDATE {} SET id = 2",
    ("table", "DELETE"): "DELETE FROM {}",
    ("table", "TRUNCATE"): "TRUNCATE {}",
    ("sequence", "USAGE"): "SELECT pg_catalog.nextval({literal})",
    ("sequence", "SELECT"): "SELECT last_value FROM {}",
    ("sequence", "UPDATE"): "SELECT pg_catalog.setval({literal}, 1)",
    ("function", "EXECUTE"): "SELECT {}()",
    ("schema", "CREATE"): "CREATE TYPE {}.made AS ENUM ()",
    ("large_object", "SELECT"): "SELECT pg_catalog.lo_get({})",
    ("large_object", "UPDATE"): "SELECT pg_catalog.lo_put({}, 0, '')",
}

_NO_USAGE = "no USAGE"


@dataclass(frozen=True, slots=True)
class Result:
    """What of a new object the grantee holds, why it could not use it, and why there was nothing to try."""

    held: frozenset[str] = frozenset()
    obstacle: str = ""
    untried: str = ""


@dataclass(frozen=True, slots=True)
class Grantee:
    """Whom a trial asks about (oid 0: PUBLIC), and for which privileges."""

    role: str
    oid: int
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One creator, one kind of object, one schema (None: one made for the purpose), and all grantees.

    `user` is the grantee that also uses the object.
    """

    kind: str
    schema: str | None
    creator: str
    grantees: tuple[Grantee, ...]
    user: Grantee | None = None

    @property
    def needs_schema(self) -> bool:
        return self.schema is None and self.kind not in ("schema", "large_object")

    @property
    def makes(self) -> str:
        return f"{self.creator} cannot make a {self.kind.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a transaction and the trials that fail with it. `asks`: its rows are what grantees hold."""

    statement: str
    trials: tuple[Trial, ...]
    asks: bool = False
    uses: bool = False


def run_trials(
    connection: psycopg.Connection[Any], trials: Iterable[Trial], before: Sequence[str]
) -> Mapping[tuple[Trial, str], Result]:
    """Run all; by trial and grantee. A creator that fails costs a transaction more, not the others' answers."""
    found: dict[tuple[Trial, str], Result] = {}
    left = list(trials)
    while left:
        chunk = left[:TOGETHER]
        steps = [*(Step(statement, tuple(chunk)) for statement in before), *_steps(chunk)]
        (answer,) = run(connection, [Script(tuple(step.statement for step in steps), writes=True)])
        failed = _failed(steps, answer)
        for one in failed or chunk:
            for index, grantee in enumerate(one.grantees, 1):
                found[one, grantee.role] = (
                    Result(untried=f"{one.makes}: {_words(answer)}")
                    if failed
                    else _result(one, index, steps, answer)
                )
        done = set(failed or chunk)
        left = [one for one in left if one not in done]
    return found


def _failed(steps: Sequence[Step], answer: Answer) -> tuple[Trial, ...]:
    """The trials that could not be made, when that is what ended the transaction."""
    if answer.refusal is None:
        return ()
    step = steps[max(answer.refusal.at, 0)]
    return () if step.uses else step.trials


def _words(answer: Answer) -> str:
    return answer.refusal.words if answer.refusal is not None else ""


def _result(trial: Trial, index: int, steps: Sequence[Step], answer: Answer) -> Result:
    asked = next(at for at, step in enumerate(steps) if step.asks and step.trials == (trial,))
    words = {row[1] for row in answer.rows[asked] if row[0] == str(index) and row[1]}
    obstacle = f"no USAGE on schema {trial.schema}" if _NO_USAGE in words else ""
    used = trial.user is not None and trial.grantees[index - 1].role == trial.user.role
    if used and answer.refusal is not None and answer.refusal.sqlstate == REFUSED:
        refused = steps[answer.refusal.at]
        obstacle = obstacle or (answer.refusal.words if refused.trials == (trial,) else "")
    return Result(frozenset(words - {_NO_USAGE}), obstacle)


# -- statements ----------------------------------------------------------------------------------------


def _steps(trials: Sequence[Trial]) -> Iterator[Step]:
    """Schemas first, as ourselves; then what creators make, each asked about at once; last what is used."""
    own: dict[str, str] = {}
    for creator in dict.fromkeys(one.creator for one in trials if one.needs_schema):
        own[creator] = ident(fresh())
        needing = tuple(one for one in trials if one.needs_schema and one.creator == creator)
        yield Step(f"CREATE SCHEMA {own[creator]} AUTHORIZATION {ident(creator)}", needing)
        yield Step(f"GRANT USAGE ON SCHEMA {own[creator]} TO PUBLIC", needing)
    uses: list[Step] = []
    for one in trials:
        name = fresh()
        made = _place(one, name, own)
        yield Step(become(one.creator), (one,))
        yield Step(_CREATE[one.kind].format(made), (one,))
        yield Step(_ask(one, name, made), (one,), asks=True)
        uses += [Step(statement, (one,), uses=True) for statement in _use(one, made)]
    yield from uses


def _place(trial: Trial, name: str, own: Mapping[str, str]) -> str:
    """How the object is called in a statement."""
    if trial.kind == "large_object":
        return str(SystemRandom().randrange(2**31, 2**32))
    if trial.kind == "schema":
        return ident(name)
    schema = own[trial.creator] if trial.schema is None else ident(trial.schema)
    return f"{schema}.{ident(name)}"


def _ask(trial: Trial, name: str, made: str) -> str:
    """By oid: what this transaction made, whatever others call by the name. Rows: number of the grantee, privilege."""
    rows = [
        f"({grantee.oid}::pg_catalog.oid, {number}, {literal(word)})"
        for number, grantee in enumerate(trial.grantees, 1)
        for word in grantee.words
    ]
    asked = f"(VALUES {', '.join(rows)}) AS q(role, number, word)"
    if trial.kind == "large_object":
        may = f"pg_catalog.has_largeobject_privilege(q.role, {made}::pg_catalog.oid, q.word)"
        return f"SELECT q.number, q.word FROM {asked} WHERE {may}"
    function, catalogue, column, schema = _IS[trial.kind]
    ours = f"c.{column} = {literal(name)} AND c.xmin = pg_catalog.pg_current_xact_id()::pg_catalog.xid"
    text = (
        f"SELECT q.number, q.word FROM pg_catalog.{catalogue} c, {asked} "
        f"WHERE {ours} AND pg_catalog.{function}(q.role, c.oid, q.word)"
    )
    if trial.schema is None:
        return text
    outside = f"NOT pg_catalog.has_schema_privilege(q.role, c.{schema}, 'USAGE')"
    return (
        f"{text} UNION SELECT q.number, '{_NO_USAGE}' FROM pg_catalog.{catalogue} c, {asked} "
        f"WHERE {ours} AND {outside}"
    )


def _use(trial: Trial, made: str) -> Sequence[str]:
    if trial.user is None or trial.schema is not None:
        return ()
    uses = [_USE[trial.kind, word] for word in trial.user.words if (trial.kind, word) in _USE]
    if not uses:
        return ()
    return become(trial.user.role), *(use.format(made, literal=literal(made)) for use in uses)
