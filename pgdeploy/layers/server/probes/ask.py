"""The server's own has_..._privilege, for any number of roles and objects in one statement a kind.

The functions are given the role: they decide as they would for that role itself, and never as for the
superuser who asks. They read the catalogue only, so nothing that others define is planned or run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.layers.server.acl import ObjectKey, table_of
from pgdeploy.layers.server.probes.catalog_object import CatalogObjects, column_of

if TYPE_CHECKING:
    import psycopg

Pair = tuple[str, ObjectKey]
"""A role (or PUBLIC) and an object."""

NOTHING: frozenset[str] = frozenset()

FUNCTION = {
    "table": "has_table_privilege",
    "column": "has_column_privilege",
    "sequence": "has_sequence_privilege",
    "schema": "has_schema_privilege",
    "database": "has_database_privilege",
    "function": "has_function_privilege",
    "procedure": "has_function_privilege",
    "type": "has_type_privilege",
    "language": "has_language_privilege",
    "foreign_server": "has_server_privilege",
    "foreign_data_wrapper": "has_foreign_data_wrapper_privilege",
    "tablespace": "has_tablespace_privilege",
    "parameter": "has_parameter_privilege",
}


class Question(NamedTuple):
    """What of these privileges a role has on an object; each perhaps WITH GRANT OPTION."""

    role: str
    key: ObjectKey
    words: frozenset[str]

    @property
    def pair(self) -> Pair:
        return self.role, self.key


@dataclass(frozen=True, slots=True)
class Held:
    """What the server says is held, by role and object; what was not asked is not in it."""

    words: Mapping[Pair, frozenset[str]]

    def of(self, question: Question) -> frozenset[str]:
        """What of the question's privileges the role has."""
        return question.words & self.words.get(question.pair, NOTHING)


def ask(
    connection: psycopg.Connection[Any],
    questions: Iterable[Question],
    things: CatalogObjects,
    roles: Mapping[str, int],
) -> Held:
    """Ask all. Roles are by name; PUBLIC is 0."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_kind[question.key.kind].append(question)
    found: dict[Pair, frozenset[str]] = {}
    for kind, asked in by_kind.items():
        for index, words in connection.execute(_text(kind), _parameters(kind, asked, things, roles)):
            pair = asked[index - 1].pair
            found[pair] = found.get(pair, NOTHING) | frozenset(words)
    return Held(found)


def _parameters(
    kind: str, asked: list[Question], things: CatalogObjects, roles: Mapping[str, int]
) -> dict[str, list[Any]]:
    objects = [things[table_of(question.key)] for question in asked]
    numbers = [0] * len(asked)
    if kind == "column":
        columns = [column_of(question.key, thing) for question, thing in zip(asked, objects, strict=True)]
        numbers = [column.number if column else 0 for column in columns]
    sets = {words: index for index, words in enumerate(dict.fromkeys(question.words for question in asked))}
    pairs = [(index, word) for words, index in sets.items() for word in sorted(words)]
    return {
        "roles": [roles[question.role] for question in asked],
        "objects": [thing.reference for thing in objects],
        "numbers": numbers,
        "sets": [sets[question.words] for question in asked],
        "lists": [", ".join(sorted(words)) for words in sets],
        "of_set": [index for index, _ in pairs],
        "words": [word for _, word in pairs],
    }


def _text(kind: str) -> str:
    """A list of privileges asks for any of them: only where there is one, each is asked by itself."""
    reference = "q.object" if kind == "parameter" else "q.object::pg_catalog.oid"
    column = ", q.number::pg_catalog.int2" if kind == "column" else ""
    may = f"pg_catalog.{FUNCTION[kind]}(q.role, {reference}{column}"
    return f"""
SELECT q.index, (SELECT pg_catalog.array_agg(w.word)
                 FROM ROWS FROM (pg_catalog.unnest(%(of_set)s::pg_catalog.int4[]),
                                 pg_catalog.unnest(%(words)s::pg_catalog.text[])) AS w(set, word)
                 WHERE w.set = q.set AND {may}, w.word))
FROM ROWS FROM (pg_catalog.unnest(%(roles)s::pg_catalog.oid[]), pg_catalog.unnest(%(objects)s::pg_catalog.text[]),
                pg_catalog.unnest(%(numbers)s::pg_catalog.int4[]), pg_catalog.unnest(%(sets)s::pg_catalog.int4[]))
     WITH ORDINALITY AS q(role, object, number, set, index)
WHERE {may}, (%(lists)s::pg_catalog.text[])[q.set + 1])
"""  # noqa: S608 - nothing but words of ours
