"""Functions and procedures that a spec names: which of the server's are meant, and what is said when none is clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import ObjectKey, shown
from pgdeploy.model.routine import KINDS, types
from pgdeploy.postgres.signature import Type, server_arguments
from pgdeploy.postgres.values import ValueProblem
from pgdeploy.text.naming import listing

MAKE_FIRST = "create the object first; pgdeploy does not create it"


class Unclear(NamedTuple):
    """Why a name means no object, and what to do about it."""

    why: str
    mend: str = MAKE_FIRST


def named(
    facts: Facts, database: str, kind: str, schema: str, name: str, arguments: Sequence[str] | None
) -> list[ObjectKey]:
    """Without arguments every overload, else all that the arguments fit: one, when they are clear."""
    known = facts.once(_overloads, database).get((schema, name), {}).get(kind, [])
    return known if arguments is None else _fitting(types(arguments), known)


def unclear(
    facts: Facts, database: str, kind: str, schema: str, name: str, arguments: Sequence[str] | None
) -> Unclear | None:
    """What keeps the name from meaning something; None where it is clear."""
    found = named(facts, database, kind, schema, name, arguments)
    if arguments is not None and len(found) > 1:
        return Unclear(f"it fits {listing(map(shown, found))}", "write the types with their schemas")
    if found:
        return None
    asked = shown(ObjectKey(kind, schema, name, None if arguments is None else ", ".join(arguments)))
    others = [
        key for keys in facts.once(_overloads, database).get((schema, name), {}).values() for key in keys
    ]
    if not others:
        return Unclear(f"{asked} does not exist")
    mend = f"name one of those, or {MAKE_FIRST}"
    return Unclear(f"{asked} does not exist; there is {listing(map(shown, others))}", mend)


def _overloads(facts: Facts, database: str) -> Mapping[tuple[str, str], Mapping[str, list[ObjectKey]]]:
    """Routines by schema and name, then by kind."""
    found: dict[tuple[str, str], dict[str, list[ObjectKey]]] = {}
    for (kind, schema), keys in facts.once(acl.in_schema, database).items():
        for key in keys if kind in KINDS else ():
            found.setdefault((schema, key.name), {}).setdefault(kind, []).append(key)
    return found


def _fitting(desired: Sequence[Type], known: Sequence[ObjectKey]) -> list[ObjectKey]:
    """A type without a schema is PostgreSQL's own before it is anybody's."""
    for anywhere in (False, True):
        found = [key for key in known if _fits(desired, key, anywhere=anywhere)]
        if found:
            return found
    return []


def _fits(desired: Sequence[Type], key: ObjectKey, *, anywhere: bool) -> bool:
    try:
        actual = server_arguments(key.sub or "")
    except ValueProblem:
        return False
    return len(desired) == len(actual) and all(
        one.fits(other, anywhere=anywhere) for one, other in zip(desired, actual, strict=True)
    )
