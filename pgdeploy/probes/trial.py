# ruff: noqa: S608 - every name is quoted by ident() or literal()
"""A trial of default privileges: a creator makes an object, a grantee uses it, and all is rolled back.

The object is ours and nobody else can see it, so here things are really done: rows written, a sequence
advanced, a function called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import SystemRandom

from pgdeploy.change import ident, literal
from pgdeploy.probes.act import PUBLIC, REFUSED, become
from pgdeploy.probes.script import Answer, Script
from pgdeploy.probes.session import THROWAWAY

_LARGE_OBJECT = SystemRandom().randrange(2**31, 2**32)
"""An oid that no large object has."""

_CREATE: Mapping[str, str] = {
    "table": "CREATE TABLE {} (id pg_catalog.int4)",
    "sequence": "CREATE SEQUENCE {}",
    "function": "CREATE FUNCTION {}() RETURNS pg_catalog.int4 LANGUAGE sql AS 'SELECT 1'",
    "type": "CREATE TYPE {} AS ENUM ()",
    "schema": f"CREATE SCHEMA {ident(THROWAWAY)}",
    "large_object": f"SELECT pg_catalog.lo_create({_LARGE_OBJECT})",
}

_IS = {
    "table": ("has_table_privilege", "pg_class", "relname"),
    "sequence": ("has_sequence_privilege", "pg_class", "relname"),
    "function": ("has_function_privilege", "pg_proc", "proname"),
    "type": ("has_type_privilege", "pg_type", "typname"),
    "schema": ("has_schema_privilege", "pg_namespace", "nspname"),
}
"""By kind: the function that knows its privileges, its catalogue, and the name there."""

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
    ("schema", "CREATE"): f"CREATE TYPE {ident(THROWAWAY)}.{ident(THROWAWAY)} AS ENUM ()",
    ("large_object", "SELECT"): f"SELECT pg_catalog.lo_get({_LARGE_OBJECT})",
    ("large_object", "UPDATE"): f"SELECT pg_catalog.lo_put({_LARGE_OBJECT}, 0, '')",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What of a new object the grantee holds, why it could not use it, and why there was nothing to try."""

    held: frozenset[str] = frozenset()
    obstacle: str = ""
    untried: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One creator, one grantee and one kind of object. `schema` None: one made for the purpose.

    `oid` is the grantee's. `acts` is False when we cannot be the grantee, who is then only asked about.
    """

    kind: str
    schema: str | None
    creator: str
    grantee: str
    oid: int
    words: tuple[str, ...]
    acts: bool

    @property
    def script(self) -> Script:
        return Script((*self._before, *self._create, self._ask, *self._use), writes=True)

    def result(self, answer: Answer) -> Result:
        refusal, asked = answer.refusal, len(self._before) + len(self._create)
        if refusal is not None and refusal.at <= asked:
            return Result(
                untried=f"{self.creator} cannot make a {self.kind.replace('_', ' ')}: {refusal.words}"
            )
        held = frozenset(row[0] for row in answer.rows[asked] if row[0])
        obstacle = (
            refusal.words if refusal is not None and self._is_obstacle(refusal.at, refusal.sqlstate) else ""
        )
        return Result(held, obstacle)

    def _is_obstacle(self, at: int, sqlstate: str) -> bool:
        """Refused while using it: but not when we only could not become the grantee."""
        return sqlstate == REFUSED and at > len(self._before) + len(self._create) + 1

    # -- statements --------------------------------------------------------------------------------

    @property
    def _in_schema(self) -> bool:
        return self.kind not in ("schema", "large_object")

    @property
    def _clause(self) -> str:
        return f"{ident(self.schema or THROWAWAY)}.{ident(THROWAWAY)}"

    @property
    def _before(self) -> tuple[str, ...]:
        make_role = (f"CREATE ROLE {ident(THROWAWAY)}",) if self.grantee == PUBLIC and self.acts else ()
        if self.schema is not None or not self._in_schema:
            return make_role
        schema = ident(THROWAWAY)
        make_schema = f"CREATE SCHEMA {schema} AUTHORIZATION {ident(self.creator)}"
        return (*make_role, make_schema, f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC")

    @property
    def _create(self) -> tuple[str, ...]:
        return (*become(self.creator, writes=True), _CREATE[self.kind].format(self._clause), "RESET ROLE")

    @property
    def _ask(self) -> str:
        words = f"pg_catalog.unnest(ARRAY[{', '.join(map(literal, self.words))}]) AS word"
        if self.kind == "large_object":
            may = f"pg_catalog.has_largeobject_privilege({self.oid}::oid, {_LARGE_OBJECT}, word)"
            return f"SELECT word FROM {words} WHERE {may}"
        function, catalogue, column = _IS[self.kind]
        made = f"pg_catalog.{catalogue} c WHERE c.{column} = {literal(THROWAWAY)}"
        return f"SELECT word FROM {words}, {made} AND pg_catalog.{function}({self.oid}::oid, c.oid, word)"

    @property
    def _use(self) -> Sequence[str]:
        if not self.acts:
            return ()
        role = THROWAWAY if self.grantee == PUBLIC else self.grantee
        names = (self._clause, literal(self._clause))
        uses = [_USE[self.kind, word] for word in self.words if (self.kind, word) in _USE]
        return (f"SET LOCAL ROLE {ident(role)}", *(use.format(names[0], literal=names[1]) for use in uses))
