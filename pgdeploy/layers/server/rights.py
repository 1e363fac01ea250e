"""Least privilege: what a plan may do when it is not a superuser's, and how.

PostgreSQL lets a role with CREATEROLE and CREATEDB do most of the work, but only with the rights of the
owners and creators concerned. Where ours are missing and we may take them (16: ADMIN OPTION on the role;
before: CREATEROLE), a change takes a membership first and gives it back in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pgdeploy.core.step import Effect
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.change import CREATE, CREATE_IN, OF_A_SUPERUSER, Change, Joined, ident, statements
from pgdeploy.layers.server.membership import memberships
from pgdeploy.layers.server.rolefact import ADMIN_SINCE, DATABASE_OWNER, RoleFact, roles
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts


class Rights:
    """What this user may do, change by change: memberships that the plan gives and takes count from then on."""

    def __init__(self, facts: Facts, later: Facts) -> None:
        """`later`: as `facts`, with the databases and schemas of the spec, and their owners."""
        self._facts = facts
        self._later = later
        self._major = facts.about.major
        self._user = facts.about.user
        self._joined: dict[str, dict[str, list[Joined]]] = {}
        """By member and role."""
        self._given: set[tuple[str, str, str | None]] = set()
        """Memberships that changes of the plan give, by role, member and grantor."""
        self._let: set[str] = set()
        """Needs that changes of the plan fulfil."""
        self._reached: dict[str, Mapping[str, None]] = {}
        if not facts.about.superuser:
            self._add(facts.once(memberships))

    def adapt(self, change: Change) -> Change | str:
        """The change as this user can make it, or why it cannot.

        A superuser's changes stay as they are.
        """
        if self._facts.about.superuser:
            return change
        adapted = self._adapt(change, self._facts.once(roles)[self._user])
        if isinstance(adapted, Change):
            self._let.update(change.lets)
            self._given.update(row[:3] for row in change.gives)
            if change.takes or change.gives:
                self._learn(change)
        return adapted

    def _adapt(self, change: Change, me: RoleFact) -> Change | str:
        for row in change.awaits:
            if row[:3] not in self._given:
                return (
                    f"{quoted_name(row.grantor or '')} must grant {quoted_name(row.role)} first, and cannot"
                )
        lacking = [need for need in change.needs if self._lacks(need, me)]
        if not lacking and change.effect is not Effect.NONE and not self._facts.about.reloads:
            lacking.append("EXECUTE on function pg_reload_conf()")
        if lacking:
            return f"{quoted_name(me.name)} may not: it needs {' and '.join(lacking)}"
        borrowed = [role for role in self._actors(change) if not self._acts_as(role)]
        if borrowed and self._major < ADMIN_SINCE and not me.inherit:
            group = quoted_name(borrowed[0])
            return f"{quoted_name(me.name)} may not: it is NOINHERIT, so membership in {group} would not help"
        for role in borrowed:
            if not self._may_take(role, me):
                return f"{quoted_name(me.name)} may not: it needs membership in {quoted_name(role)}"
        return self._borrowing(change, borrowed) if borrowed else change

    def _actors(self, change: Change) -> Iterable[str]:
        """Whose rights it takes: in its database the owner of that has those of pg_database_owner, and may CREATE."""
        key = acl.ObjectKey("database", None, change.database or MAINTENANCE)
        owners = self._later.once(acl.owners, None)
        owner = owners.get(key, DATABASE_OWNER)
        actors = [owner if role == DATABASE_OWNER else role for role in change.acts_as]
        of_database = owners.get(acl.ObjectKey("database", None, change.of_database))
        if of_database is not None:
            actors.append(of_database)
        if CREATE in change.needs and not self._has("CREATE", key, self._later):
            actors.append(owner)
        actors += [owner if role == DATABASE_OWNER else role for role in self._letting_create(change)]
        return dict.fromkeys(actors)

    def _letting_create(self, change: Change) -> Iterator[str]:
        """Owners of the schemas in which it makes something and we may not."""
        for need in change.needs:
            if need.startswith(CREATE_IN) and change.database is not None:
                key = acl.ObjectKey("schema", None, need.removeprefix(CREATE_IN))
                schema_owner = self._later.once(acl.owners, change.database).get(key)
                mine = self._reach("inherit")
                if schema_owner and not acl.holds(self._later, change.database, key, mine, "CREATE"):
                    yield schema_owner

    def _has(self, privilege: str, key: acl.ObjectKey, facts: Facts) -> bool:
        """Whether we have a privilege on what all databases share."""
        return acl.holds(facts, None, key, self._reach("inherit"), privilege)

    def _borrowing(self, change: Change, borrowed: Iterable[str]) -> Change:
        """What was there before is there again afterwards, with the options that it had."""
        me = ident(self._user)
        take, give_back = [], []
        for role in borrowed:
            grantor = self._grantor(role)
            by = f" GRANTED BY {ident(grantor)}" if grantor and grantor != self._user else ""
            options = f" WITH INHERIT TRUE, SET TRUE{by}" if self._major >= ADMIN_SINCE else ""
            take.append(f"GRANT {ident(role)} TO {me}{options}")
            before = next((row for row in self._rows(self._user, role) if row.grantor == grantor), None)
            if before is None:
                give_back.append(f"REVOKE {ident(role)} FROM {me}{by}")
            else:
                options = f"INHERIT {str(before.inherit).upper()}, SET {str(before.set).upper()}"
                give_back.append(f"GRANT {ident(role)} TO {me} WITH {options}{by}")
        made = (*statements(*take), *change.statements, *statements(*give_back))
        return replace(change, statements=made, borrows=True)

    # -- what is forbidden -------------------------------------------------------------------------

    def _lacks(self, need: str, me: RoleFact) -> bool:
        """The server's own rules, as far as they say no before anything is tried."""
        if need == CREATE or need.startswith(CREATE_IN):
            return False  # with the rights of the database's or the schema's owner, see `_actors`
        if need == OF_A_SUPERUSER or need.startswith(("CREATE on ", "USAGE on ")):
            return need not in self._let  # it is the new owner who needs it, and has it not
        if need.startswith("ALTER SYSTEM "):
            return not self._may_set("ALTER SYSTEM", need.removeprefix("ALTER SYSTEM "))
        if need.startswith("SET "):
            return not self._may_set("SET", need.removeprefix("SET "))
        if need.startswith("ADMIN OPTION on "):
            return not self._administers(need.removeprefix("ADMIN OPTION on "), me)
        if need in ("replication", "bypassrls") and self._major < ADMIN_SINCE:
            return True
        return not getattr(me, need)

    def _may_set(self, privilege: str, setting: str) -> bool:
        """From 15 a superuser can grant ALTER SYSTEM and SET on one setting."""
        return self._has(privilege, acl.ObjectKey("parameter", None, setting), self._facts)

    # -- memberships -------------------------------------------------------------------------------

    def _add(self, rows: Iterable[Joined]) -> None:
        for row in rows:
            self._joined.setdefault(row.member, {}).setdefault(row.role, []).append(row)

    def _learn(self, change: Change) -> None:
        for row in change.takes:
            known = self._rows(row.member, row.role)
            if row in known:
                known.remove(row)
        self._add(change.gives)
        self._reached.clear()

    def _rows(self, member: str, role: str) -> list[Joined]:
        return self._joined.get(member, {}).get(role, [])

    def _reach(self, kind: str) -> Mapping[str, None]:
        """Roles whose rights are ours, the nearest first: by memberships with INHERIT, or all that SET leads to."""
        if kind not in self._reached:
            found: dict[str, None] = {self._user: None}
            unvisited = [self._user]
            for member in unvisited:
                for role, rows in self._joined.get(member, {}).items():
                    if role not in found and any(getattr(row, kind) for row in rows):
                        found[role] = None
                        unvisited.append(role)
            self._reached[kind] = found
        return self._reached[kind]

    def _acts_as(self, role: str) -> bool:
        return role in self._reach("inherit") and role in self._reach("set")

    def _may_take(self, role: str, me: RoleFact) -> bool:
        """Whether we can make ourselves a member: not of one that is, by any way, a member of ours."""
        return not role.startswith("pg_") and self._administers(role, me) and not self._is_below(role)

    def _is_below(self, role: str) -> bool:
        found, unvisited = {role}, [role]
        while unvisited:
            above = {one for one, rows in self._joined.get(unvisited.pop(), {}).items() if rows} - found
            found |= above
            unvisited += above
        return self._user in found

    def _administers(self, role: str, me: RoleFact) -> bool:
        """Whether we can grant and revoke a role. One that the plan creates is ours to administer."""
        known = self._facts.once(roles).get(role)
        if known is not None and known.superuser:
            return False
        if known is None or (self._major < ADMIN_SINCE and me.createrole):
            return me.createrole
        return self._admin_of(role) is not None

    def _admin_of(self, role: str) -> str | None:
        """The nearest of ours with ADMIN OPTION: the server's own choice of a grantor."""
        mine = self._reach("inherit")
        return next((one for one in mine if any(row.admin for row in self._rows(one, role))), None)

    def _grantor(self, role: str) -> str | None:
        """In whose name we grant a role to ourselves; it means nothing before 16."""
        if self._major < ADMIN_SINCE:
            return None
        return self._admin_of(role) or self._user
