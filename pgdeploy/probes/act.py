# ruff: noqa: S608 - every name is quoted by ident() or literal()
"""How to try a privilege without doing what it allows.

EXPLAIN checks the privileges of SELECT, INSERT, UPDATE and DELETE as executing would, then stops: no row, no
trigger, no sequence. CREATE and TEMPORARY are tried by making something in a transaction that is rolled back,
USAGE on a schema by looking for a name in it. The other privileges cannot be tried without a side effect
(TRUNCATE, EXECUTE, nextval), or only under a heavy lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pgdeploy.change import ident, literal
from pgdeploy.probes.script import Answer, Script
from pgdeploy.probes.session import THROWAWAY
from pgdeploy.probes.thing import Column, Thing
from pgdeploy.resources.acl import ObjectKey
from pgdeploy.resources.object import clause

PUBLIC = "PUBLIC"

REFUSED = "42501"  # insufficient_privilege
_NO_SUCH_TABLE = "42P01"


@dataclass(frozen=True, slots=True)
class Act:
    """One statement to try as a role. `passed` is an error that comes only after the privilege was checked."""

    statement: str
    writes: bool = False
    passed: str = ""

    def script(self, role: str) -> Script:
        return Script((*become(role, writes=self.writes), self.statement), self.writes or role == PUBLIC)


def become(role: str, *, writes: bool) -> tuple[str, ...]:
    """Statements after which the transaction acts as the role; as PUBLIC: as a role that has nothing of its own."""
    if role != PUBLIC:
        return (f"SET LOCAL ROLE {ident(role)}",)
    only_reads = () if writes else ("SET TRANSACTION READ ONLY",)
    return (f"CREATE ROLE {ident(THROWAWAY)}", *only_reads, f"SET LOCAL ROLE {ident(THROWAWAY)}")


def outcome(act: Act, script: Script, answer: Answer) -> tuple[bool, str] | None:
    """Whether it was allowed, and the server's words; None when something else stood in the way."""
    refusal = answer.refusal
    if refusal is None:
        return True, ""
    if refusal.at != len(script.statements) - 1:
        return None
    if refusal.sqlstate == act.passed:
        return True, ""
    return (False, refusal.words) if refusal.sqlstate == REFUSED else None


def act_of(key: ObjectKey, privilege: str, thing: Thing) -> Act | None:
    """How to try a privilege on an object, or None when it can only be asked about."""
    if key.kind in ("table", "column"):
        statement = _on_table(key, privilege, thing) if thing.quiet else None
        return Act(statement) if statement else None
    make = _OTHERS.get((key.kind, privilege))
    return make(key) if make else None


def _on_table(key: ObjectKey, privilege: str, thing: Thing) -> str | None:
    """On all columns of a table, or on the one that the key names. ONLY: no partition is ever planned."""
    table = f"{ident(key.schema or '')}.{ident(key.name)}"
    if key.kind == "column":
        columns = [column for column in thing.columns if column.name == key.sub]
        return _COLUMN[privilege](table, columns) if privilege in _COLUMN and columns else None
    return _TABLE[privilege](table, thing.columns) if privilege in _TABLE else None


def _select(table: str, columns: Iterable[Column]) -> str:
    return f"EXPLAIN SELECT {', '.join(ident(column.name) for column in columns)} FROM ONLY {table}"


def _insert(table: str, columns: Iterable[Column]) -> str | None:
    """All columns are named, so that no default is planned."""
    names = [ident(column.name) for column in columns if column.kind != "g"]
    values = ", ".join("NULL" for _ in names)
    statement = f"EXPLAIN INSERT INTO {table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    return statement if names else None


def _update(table: str, columns: Iterable[Column]) -> str | None:
    values = {"": "NULL", "d": "NULL", "a": "DEFAULT"}
    pairs = [f"{ident(column.name)} = {values[column.kind]}" for column in columns if column.kind != "g"]
    return f"EXPLAIN UPDATE ONLY {table} SET {', '.join(pairs)}" if pairs else None


def _delete(table: str, columns: Iterable[Column]) -> str:
    return f"EXPLAIN DELETE FROM ONLY {table}"


_Build = Callable[[str, Iterable[Column]], str | None]
_COLUMN: Mapping[str, _Build] = {"SELECT": _select, "UPDATE": _update}
"""INSERT into one column would plan the defaults of the others."""
_TABLE: Mapping[str, _Build] = {**_COLUMN, "INSERT": _insert, "DELETE": _delete}

_OTHERS: Mapping[tuple[str, str], Callable[[ObjectKey], Act]] = {
    ("sequence", "SELECT"): lambda key: Act(f"EXPLAIN SELECT last_value FROM {clause(key)}"),
    ("schema", "USAGE"): lambda key: Act(
        f"SELECT {literal(f'{ident(key.name)}.{ident(THROWAWAY)}')}::pg_catalog.regclass",
        passed=_NO_SUCH_TABLE,
    ),
    ("schema", "CREATE"): lambda key: Act(
        f"CREATE TYPE {ident(key.name)}.{ident(THROWAWAY)} AS ENUM ()", writes=True
    ),
    ("database", "CREATE"): lambda key: Act(f"CREATE SCHEMA {ident(THROWAWAY)}", writes=True),
    ("database", "TEMPORARY"): lambda key: Act(f"CREATE TEMPORARY TABLE {ident(THROWAWAY)} ()", writes=True),
}
