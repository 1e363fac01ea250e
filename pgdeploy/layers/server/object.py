"""What a spec's `on:` means on a server, and how GRANT and ALTER name it."""

from __future__ import annotations

from collections.abc import Iterable

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl, routine
from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.change import ident, idents
from pgdeploy.model.object import Object
from pgdeploy.model.routine import KINDS
from pgdeploy.postgres.signature import split_arguments

KEYWORD = {
    "table": "TABLE",
    "column": "TABLE",
    "sequence": "SEQUENCE",
    "function": "FUNCTION",
    "procedure": "PROCEDURE",
    "type": "TYPE",
    "schema": "SCHEMA",
    "database": "DATABASE",
    "language": "LANGUAGE",
    "foreign_server": "FOREIGN SERVER",
    "foreign_data_wrapper": "FOREIGN DATA WRAPPER",
    "tablespace": "TABLESPACE",
    "parameter": "PARAMETER",
    "large_object": "LARGE OBJECT",
}
"""The word before an object's name in GRANT."""


def keys_of(on: Object, facts: Facts, database: str) -> Iterable[ObjectKey]:
    """The objects meant, in this database: as named, or for `all` and overloads as found."""
    if on.database:
        return [ObjectKey("database", None, database)]
    if on.all:
        return facts.once(acl.in_schema, database).get((on.kind, on.schema_ or ""), [])
    if on.columns:
        return [ObjectKey("column", on.schema_, on.table or "", column) for column in on.columns]
    if on.kind in KINDS:
        return _routines(on, facts, database)
    return [ObjectKey(on.kind, None if on.kind == "schema" else on.schema_, on.name or "")]


def _routines(on: Object, facts: Facts, database: str) -> list[ObjectKey]:
    """None where the name fits several: what is done to one would be done to another, too."""
    found = routine.named(facts, database, *on.routine)
    return found if on.arguments is None or len(found) == 1 else []


def why_unclear(on: Object, facts: Facts, database: str) -> routine.Unclear | None:
    """Why a function or procedure is not the one that is meant."""
    if on.all or on.kind not in KINDS:
        return None
    return routine.unclear(facts, database, *on.routine)


def clause(key: ObjectKey) -> str:
    """An object as GRANT and ALTER name it, without its keyword."""
    if key.kind == "large_object":
        return key.name
    place = f"{ident(key.schema)}." if key.schema is not None else ""
    arguments = f"({_arguments(key)})" if key.kind in KINDS else ""
    return f"{place}{ident(key.name)}{arguments}"


def _arguments(key: ObjectKey) -> str:
    """Of a procedure with their mode: without, PostgreSQL compares them with OUT arguments, too."""
    if key.kind == "procedure" and key.sub:
        return ", ".join(f"IN {argument}" for argument in split_arguments(key.sub))
    return key.sub or ""


def privilege_list(privileges: Iterable[str], key: ObjectKey, columns: Iterable[str] = ()) -> str:
    """Privileges as GRANT lists them; on columns each carries the column list."""
    tail = f" ({idents(columns)})" if key.kind == "column" else ""
    return ", ".join(f"{privilege}{tail}" for privilege in sorted(privileges))
