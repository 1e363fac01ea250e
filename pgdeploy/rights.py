"""Least privilege: what a plan may do when it is not a superuser's, and how.

PostgreSQL lets a role with CREATEROLE and CREATEDB do most of the work, but only with the rights of the
owners and creators concerned. Where ours are missing and we may take them (16: ADMIN OPTION on the role;
before: CREATEROLE), a change takes a membership first and gives it back in the same transaction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pgdeploy.change import Change, ident, statements
from pgdeploy.check import name
from pgdeploy.resources import acl
from pgdeploy.resources.membership import by_member, reach
from pgdeploy.resources.role import RoleFact, roles

if TYPE_CHECKING:
    from pgdeploy.facts import Facts

ADMIN_SINCE = 16
"""From here CREATEROLE works on roles that one has ADMIN OPTION on, and no others."""


def adapt(change: Change, facts: Facts) -> Change | str:
    """The change as this user can make it, or why it cannot.

    A superuser's changes stay as they are.
    """
    if facts.about.superuser:
        return change
    me = facts.once(roles)[facts.about.user]
    if lacking := [need for need in change.needs if _lacking(need, me, facts)]:
        return f"{name(me.name)} may not: it needs {' and '.join(lacking)}"
    borrowed = [role for role in dict.fromkeys(change.acts_as) if not _acts_as(role, facts)]
    if borrowed and facts.about.major < ADMIN_SINCE and not me.inherit:
        return (
            f"{name(me.name)} may not: it is NOINHERIT, so membership in {name(borrowed[0])} would not help"
        )
    for role in borrowed:
        if not _may_take(role, me, facts):
            return f"{name(me.name)} may not: it needs membership in {name(role)}"
    return _borrowing(change, borrowed, facts) if borrowed else change


def _borrowing(change: Change, borrowed: list[str], facts: Facts) -> Change:
    me = ident(facts.about.user)
    options = " WITH INHERIT TRUE, SET TRUE" if facts.about.major >= ADMIN_SINCE else ""
    take = statements(*(f"GRANT {ident(role)} TO {me}{options}" for role in borrowed))
    give_back = statements(*(f"REVOKE {ident(role)} FROM {me}" for role in borrowed))
    return replace(change, statements=(*take, *change.statements, *give_back), borrows=True)


# -- what is forbidden ---------------------------------------------------------------------------------


def _lacking(need: str, me: RoleFact, facts: Facts) -> bool:
    """The server's own rules, as far as they say no before anything is tried."""
    if need.startswith("ALTER SYSTEM "):
        return not _may_set(need.removeprefix("ALTER SYSTEM "), facts)
    if need.startswith("ADMIN OPTION on "):
        return not _administers(need.removeprefix("ADMIN OPTION on "), me, facts)
    if need in ("replication", "bypassrls") and facts.about.major < ADMIN_SINCE:
        return True
    return not getattr(me, need)


def _may_set(setting: str, facts: Facts) -> bool:
    """From 15 a superuser can grant ALTER SYSTEM on one setting."""
    entries = facts.once(acl.acls, None).get(acl.ObjectKey("parameter", None, setting), {})
    return any("ALTER SYSTEM" in entry.privileges for role in _mine(facts) for entry in entries.get(role, ()))


# -- memberships ---------------------------------------------------------------------------------------


def _mine(facts: Facts) -> frozenset[str]:
    return facts.once(reach, facts.about.user, "inherit") | {"PUBLIC"}


def _acts_as(role: str, facts: Facts) -> bool:
    me = facts.about.user
    return role in facts.once(reach, me, "inherit") & facts.once(reach, me, "set")


def _may_take(role: str, me: RoleFact, facts: Facts) -> bool:
    """Whether we can make ourselves a member."""
    return not role.startswith("pg_") and _administers(role, me, facts)


def _administers(role: str, me: RoleFact, facts: Facts) -> bool:
    """Whether we can grant and revoke a role. One that the plan creates is ours to administer."""
    known = facts.once(roles).get(role)
    if known is None or (facts.about.major < ADMIN_SINCE and me.createrole):
        return me.createrole and not (known and known.superuser)
    ours = (row for member in _mine(facts) for row in facts.once(by_member).get(member, ()))
    return any(row.role == role and row.admin for row in ours)
