"""Names in a spec: each must be declared, or be one that PostgreSQL brings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from pgdeploy.layers.server.schema import GIVEN
from pgdeploy.model.inheritance import inherited
from pgdeploy.postgres.privilege import expand
from pgdeploy.postgres.values import ValueProblem
from pgdeploy.spec import suggest
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.named import NamedSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.tablespace import TablespaceSpec
    from pgdeploy.spec.place import Keys

NO_ROLE = ("public", "none", "PUBLIC")
"""Words that PostgreSQL never takes as a role's name; PUBLIC is how a spec says everybody."""

PREDEFINED = {
    "pg_read_all_data": 14,
    "pg_write_all_data": 14,
    "pg_read_all_settings": 14,
    "pg_read_all_stats": 14,
    "pg_stat_scan_tables": 14,
    "pg_monitor": 14,
    "pg_database_owner": 14,
    "pg_signal_backend": 14,
    "pg_read_server_files": 14,
    "pg_write_server_files": 14,
    "pg_execute_server_program": 14,
    "pg_checkpoint": 15,
    "pg_use_reserved_connections": 16,
    "pg_create_subscription": 16,
    "pg_maintain": 17,
    "pg_signal_autovacuum_worker": 18,
}
"""Roles that PostgreSQL brings, and the version from which; see its documentation, Predefined Roles."""

MOST_OF_A_WAY = 20
"""So many names of a circle are shown."""


def unknown(kind: str, text: str, known: Collection[str], keys: Keys, of: str = "") -> Iterator[Problem]:
    """A problem when a name is not among those that are known; `of` says where they are, for the hint."""
    if text not in known:
        hint = partial(_meant, kind, text, known, of)
        yield Problem(keys, f"{kind} {quoted_name(text)} is not declared", hint=hint)


def _meant(kind: str, text: str, known: Collection[str], of: str) -> str:
    near = get_close_matches(text, suggest.alike(text, known), 1)
    return f"; did you mean {quoted_name(near[0])}?{of}" if near else f"; declare it under {kind}s{of or ':'}"


def role_problems(spec: Spec, role: str, keys: Keys, *, public: bool = False) -> Iterator[Problem]:
    """References go to declared roles, and to the ones that PostgreSQL brings (pg_...)."""
    if public and role == "PUBLIC":
        return
    if role.startswith("pg_"):
        yield from _predefined(spec, role, keys)
        return
    if role in ("PUBLIC", "public"):
        allowed = "PUBLIC in capitals is everybody" if public else "a role; PUBLIC is none"
        yield Problem(keys, f"read {role}; allowed: {allowed}")
        return
    body = spec.roles.get(role)
    if body is not None and body.state == "absent":
        yield Problem(keys, f"role {quoted_name(role)} is declared absent; nothing may refer to it")
    yield from unknown("role", role, spec.roles, keys)


def _predefined(spec: Spec, role: str, keys: Keys) -> Iterator[Problem]:
    known = [known for known, since in PREDEFINED.items() if since <= spec.postgres]
    if role not in known:
        message = f"{role} is not a predefined role of PostgreSQL {spec.postgres}"
        yield Problem(keys, message, hint=partial(_meant_predefined, role, known))


def _meant_predefined(role: str, known: Sequence[str]) -> str:
    near = get_close_matches(role, suggest.alike(role, known), 1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(known)}"


def schemas_of(spec: Spec, database: str) -> frozenset[str]:
    """The schemas that a database declares, and those of its templates."""
    return frozenset(schema for _, body in inherited(spec, database) for schema in body.schemas)


def schema_problems(
    known: Collection[str], database: str, schema: str | None, keys: Keys
) -> Iterator[Problem]:
    """A problem when a schema is neither declared nor one that PostgreSQL brings."""
    if schema is not None and schema not in GIVEN:
        yield from unknown("schema", schema, known, keys, f" of database {quoted_name(database)}")


def privilege_problems(words: Sequence[str], kind: str, major: int, keys: Keys) -> Iterator[Problem]:
    """A problem when this kind of object has no such privilege in this major version."""
    try:
        expand(words, kind, major)
    except ValueProblem as error:
        yield Problem(keys, str(error))


def circle_text(path: Sequence[str]) -> str:
    """The names on a circle in their order; of a long one the middle is left out."""
    shown = path if len(path) <= MOST_OF_A_WAY else (*path[: MOST_OF_A_WAY - 1], "...", path[-1])
    return " -> ".join(shown)


def absent_or_owned(spec: Spec, body: NamedSpec | TablespaceSpec, keys: Keys) -> Iterator[Problem]:
    """Problems of an object that may be `state: absent`, and of its owner."""
    written = sorted(body.model_fields_set - {"state"})
    if body.state == "absent" and written:
        yield Problem((*keys, written[0]), f"{written[0]}: an absent object takes no other option")
    if (owner := getattr(body, "owner", None)) is not None:
        yield from role_problems(spec, owner, (*keys, "owner"))
