"""How to try a privilege without planning or running anything that others define.

A session that did SET ROLE can take it back, and so can every function that a query plans or runs in it: an index
expression, a default, a policy, a view. EXPLAIN runs them too. So no query on an object of others is ever planned
here. What is left are commands that check the privilege and go no further:

- LOCK TABLE ONLY, NOWAIT: the lock that a query would take, and none of its planning
- nextval, setval in a transaction that only reads, and currval: they check the privilege, then refuse
- a name that does not exist: looked up in a schema
- CREATE TYPE and CREATE SCHEMA of our own, rolled back

The other privileges (columns, EXECUTE, REFERENCES, TRIGGER and so on) cannot be tried so: they are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.change import ident, literal
from pgdeploy.layers.server.login.session import THROWAWAY
from pgdeploy.layers.server.object import clause
from pgdeploy.layers.server.probes.catalog_object import CatalogObject
from pgdeploy.layers.server.probes.script import Refusal

PUBLIC = "PUBLIC"

REFUSED = "42501"  # insufficient_privilege
_READ_ONLY = "25006"
_NO_VALUE_YET = "55000"

_ANY_QUERY = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"})
_ANY_WRITING = _ANY_QUERY - {"SELECT"}


@dataclass(frozen=True, slots=True)
class Act:
    """One statement to try as a role. `passed`: an error that comes only after the privilege was checked."""

    statement: str
    passed: str = ""
    writes: bool = False

    def allowed(self, refusal: Refusal | None) -> bool | None:
        """Whether the server allowed it; None when something else stood in the way."""
        if refusal is None or refusal.sqlstate == self.passed:
            return True
        return False if refusal.sqlstate == REFUSED else None


def become(role: str) -> str:
    """The statement after which the transaction acts as the role."""
    return f"SET LOCAL ROLE {ident(role)}"


def sort_of(kind: str, privilege: str) -> frozenset[str]:
    """Privileges that are tried alike on this kind of object; empty for one that can only be asked about."""
    return _SORTS.get((kind, privilege), frozenset())


def act_of(key: ObjectKey, privilege: str, thing: CatalogObject) -> Act | None:
    """How to try a privilege on an object, or None when it can only be asked about."""
    make = _ACTS.get((key.kind, privilege))
    if make is None or (key.kind == "table" and not thing.stored):
        return None
    return make(key, thing)


def fresh() -> str:
    """A name that nothing on the server has."""
    return f"{THROWAWAY}_{next(_numbers)}"


_numbers = count()


def lock(key: ObjectKey, mode: str) -> str:
    """The weakest locks of queries: they wait for nobody, and stop nobody but who changes the table's shape."""
    return f"LOCK TABLE ONLY {clause(key)} IN {mode} MODE NOWAIT"


_SORTS: Mapping[tuple[str, str], frozenset[str]] = {
    ("table", "SELECT"): _ANY_QUERY,
    **{("table", word): _ANY_WRITING for word in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")},
    ("sequence", "SELECT"): frozenset({"SELECT", "USAGE"}),
    ("sequence", "USAGE"): frozenset({"USAGE", "UPDATE"}),
    ("sequence", "UPDATE"): frozenset({"UPDATE"}),
    ("schema", "USAGE"): frozenset({"USAGE"}),
    ("schema", "CREATE"): frozenset({"CREATE"}),
    ("database", "CREATE"): frozenset({"CREATE"}),
    ("database", "TEMPORARY"): frozenset({"TEMPORARY"}),
}
"""By kind of object and privilege: those of which each alone lets the same statement pass, on some version."""


def _read(key: ObjectKey, _: CatalogObject) -> Act:
    return Act(lock(key, "ACCESS SHARE"))


def _write(key: ObjectKey, _: CatalogObject) -> Act:
    return Act(lock(key, "ROW EXCLUSIVE"))


def _sequence(function: str, passed: str) -> Callable[[ObjectKey, CatalogObject], Act]:
    """By oid: whatever takes the sequence's name meanwhile is not meant."""
    call = f"SELECT pg_catalog.{function.replace('$', '{}::pg_catalog.oid::pg_catalog.regclass')}"
    return lambda _, thing: Act(call.format(int(thing.reference)), passed)


def _named_in(key: ObjectKey, _: CatalogObject) -> Act:
    return Act(f"SELECT pg_catalog.to_regclass({literal(f'{ident(key.name)}.{ident(THROWAWAY)}')})")


_ACTS: Mapping[tuple[str, str], Callable[[ObjectKey, CatalogObject], Act]] = {
    ("table", "SELECT"): _read,
    **{("table", word): _write for word in ("INSERT", "UPDATE", "DELETE", "TRUNCATE")},
    ("sequence", "SELECT"): _sequence("currval($)", _NO_VALUE_YET),
    ("sequence", "USAGE"): _sequence("nextval($)", _READ_ONLY),
    ("sequence", "UPDATE"): _sequence("setval($, 1)", _READ_ONLY),
    ("schema", "USAGE"): _named_in,
    ("schema", "CREATE"): lambda key, _: Act(_make_type(key.name), writes=True),
    ("database", "CREATE"): lambda *_: Act(f"CREATE SCHEMA {ident(fresh())}", writes=True),
    ("database", "TEMPORARY"): lambda *_: Act(_make_type("pg_temp"), writes=True),
}
"""By kind of object and privilege."""


def _make_type(schema: str) -> str:
    """Of all that can be made in a schema what leaves the fewest rows behind."""
    return f"CREATE TYPE {ident(schema)}.{ident(fresh())} AS ENUM ()"
