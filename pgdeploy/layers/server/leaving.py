"""What DROP OWNED passes over: privileges that a role holds by somebody else's grant than the owner's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

from pgdeploy.core.change import Change, Risk, Stage, grantee, ident, statements
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import Entry, ObjectKey
from pgdeploy.layers.server.object import KEYWORD, clause, privilege_list

NOTHING: frozenset[str] = frozenset()


def take_back(
    role: str, going: frozenset[str], facts: Facts, cause: str, lost: str, needs: tuple[str, ...]
) -> Iterator[Change]:
    """In the grantor's name, before anything else is done to these objects.

    Of those that go, too, nothing is to be taken back: it goes with their own.
    """
    for database in (None, *sorted(facts.rows_of_databases)):
        with suppress(Unreadable):
            texts, grantors = [], []
            for key, entry in facts.once(_by_others, database).get(role, ()):
                if entry.grantor not in going:
                    texts += in_the_name_of(entry.grantor, revoke(key, role, entry))
                    grantors.append(entry.grantor)
            if texts:
                yield Change(
                    Stage.SCHEMA,
                    statements(*texts),
                    (cause,),
                    database=database,
                    risk=Risk.DESTRUCTIVE,
                    lost=lost,
                    acts_as=tuple(dict.fromkeys(grantors)),
                    needs=needs,
                )


def _by_others(facts: Facts, database: str | None) -> dict[str, list[tuple[ObjectKey, Entry]]]:
    """By grantee, what was granted by others than the owner."""
    found: dict[str, list[tuple[ObjectKey, Entry]]] = defaultdict(list)
    owners = facts.once(acl.owners, database)
    for key, grantees in facts.once(acl.acls, database).items():
        for role, entries in grantees.items():
            for entry in entries:
                if entry.grantor not in (owners[key], ""):
                    found[role].append((key, Entry(entry.grantor, entry.privileges, NOTHING)))
    return found


def in_the_name_of(grantor: str, statement: str) -> list[str]:
    """REVOKE acts on what its own user granted; for a superuser that is the owner."""
    return [f"SET LOCAL ROLE {ident(grantor)}", statement, "RESET ROLE"]


def revoke(key: ObjectKey, role: str, entry: Entry) -> str:
    """Takes an entry's privileges, or where it has only those with grant option, just that."""
    only_option = "GRANT OPTION FOR " if entry.grantable else ""
    words = privilege_list(entry.privileges, key, [key.sub or ""])
    return f"REVOKE {only_option}{words} ON {KEYWORD[key.kind]} {clause(key)} FROM {grantee(role)} CASCADE"
