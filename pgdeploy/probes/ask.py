"""The server's own has_..._privilege, for any number of roles and objects in one statement a kind.

The functions are given the role: they decide as they would for that role itself, and never as for the
superuser who asks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pgdeploy.probes.thing import Things, column_of, table_of
from pgdeploy.resources.acl import ObjectKey

if TYPE_CHECKING:
    import psycopg

Question = tuple[str, ObjectKey, str]
"""A role (or PUBLIC), an object, and a privilege, perhaps WITH GRANT OPTION."""

_FUNCTION = {
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


def ask(
    connection: psycopg.Connection[Any],
    questions: Iterable[Question],
    things: Things,
    roles: Mapping[str, int],
) -> frozenset[Question]:
    """Of these questions the ones that the server says yes to. Roles are by name; PUBLIC is 0."""
    by_kind: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_kind[question[1].kind].append(question)
    return frozenset(
        yes for kind, asked in by_kind.items() for yes in _ask_kind(connection, kind, asked, things, roles)
    )


def _ask_kind(
    connection: psycopg.Connection[Any],
    kind: str,
    asked: list[Question],
    things: Things,
    roles: Mapping[str, int],
) -> Iterable[Question]:
    objects = [things[table_of(key)] for _, key, _ in asked]
    numbers = [0] * len(asked)
    if kind == "column":
        columns = [column_of(key, thing) for (_, key, _), thing in zip(asked, objects, strict=True)]
        numbers = [column.number if column else 0 for column in columns]
    parameters = {
        "roles": [roles[role] for role, _, _ in asked],
        "objects": [thing.reference for thing in objects],
        "numbers": numbers,
        "privileges": [privilege for _, _, privilege in asked],
    }
    for (index,) in connection.execute(_text(kind), parameters):
        yield asked[index - 1]


def _text(kind: str) -> str:
    reference = "q.object" if kind == "parameter" else "q.object::oid"
    column = ", q.number::int2" if kind == "column" else ""
    return f"""
SELECT q.index
FROM unnest(%(roles)s::oid[], %(objects)s::text[], %(numbers)s::int[], %(privileges)s::text[])
     WITH ORDINALITY AS q(role, object, number, privilege, index)
WHERE {_FUNCTION[kind]}(q.role, {reference}{column}, q.privilege)
"""  # noqa: S608 - nothing but words of ours
