"""What a server says of its roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.core.facts import Facts, Query
from pgdeploy.postgres.moment import Moment
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


class RoleFact(NamedTuple):
    oid: int
    name: str
    superuser: bool
    inherit: bool
    createrole: bool
    createdb: bool
    login: bool
    replication: bool
    bypassrls: bool
    connection_limit: int
    valid_until: str | None

    @property
    def end(self) -> Moment | None:
        """Of the password; None: it was never set."""
        return None if self.valid_until is None else Moment.of_epoch(self.valid_until)

    @property
    def has_ended(self) -> bool:
        """Whether nobody comes in with the password any more."""
        return self.end is not None and self.end.is_past


class HeldFact(NamedTuple):
    """How much a role owns and holds privileges on in a database (None: shared objects), and how much of others
    names it.
    """

    role: str
    database: str | None
    owned: int
    granted: int
    named: int


ROLES = Query("roles", RoleFact._make)
HELD = Query("held", HeldFact._make, scoped=True)
ADMIN_SINCE = 16
"""From here CREATEROLE works on roles that one has ADMIN OPTION on, and no others."""

DATABASE_OWNER = "pg_database_owner"
"""Whoever owns a database, in that: nobody can be its member otherwise."""

BOOTSTRAP = 10
"""The oid of the superuser that initdb made; it cannot lose SUPERUSER."""


def roles(facts: Facts) -> Mapping[str, RoleFact]:
    return {row.name: row for row in facts.rows(ROLES)}


def names_by_oid(facts: Facts) -> Mapping[int, str]:
    """Role names by oid; 0 is PUBLIC."""
    return {0: "PUBLIC", **{row.oid: row.name for row in facts.rows(ROLES)}}


def bootstrap(facts: Facts) -> str | None:
    """The superuser that initdb made, by its name of today."""
    return facts.once(names_by_oid).get(BOOTSTRAP)


def usual_owner(facts: Facts) -> str:
    """Who owns what nobody else was named for: the superuser that initdb made, else who logs in."""
    return (bootstrap(facts) or "") if facts.about.superuser else facts.about.user


def superusers(spec: Spec) -> frozenset[str]:
    """Roles that the spec lets be superuser: any other that is one will not stay one."""
    bodies = spec.roles.items()
    return frozenset(role for role, body in bodies if body.superuser or body.state == "external")


def stays_superuser(role: str, declared: frozenset[str], facts: Facts) -> bool:
    """Whether it is superuser, and by these of the spec or as the one that initdb made."""
    known = facts.once(roles).get(role)
    return known is not None and known.superuser and (role in declared or known.oid == BOOTSTRAP)


def absent(role: str, facts: Facts) -> str | None:
    """Why a check about this role means nothing yet."""
    if role == "PUBLIC" or role in facts.once(roles):
        return None
    return f"role {quoted_name(role)} does not exist"
