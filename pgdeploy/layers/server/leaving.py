"""What DROP OWNED passes over: privileges that a role holds by somebody else's grant than the owner's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

from pgdeploy.core.facts import Facts
from pgdeploy.core.step import Risk
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import Entry, ObjectKey
from pgdeploy.layers.server.change import Change, Stage, statements
from pgdeploy.layers.server.revocation import in_the_name_of, revoke

NOTHING: frozenset[str] = frozenset()


def take_back(
    role: str, going: frozenset[str], facts: Facts, cause: str, lost: str, needs: tuple[str, ...]
) -> Iterator[Change]:
    """In the grantor's name, before anything else is done to these objects.

    Of those that go, too, nothing is to be taken back: it goes with their own.
    """
    for database in (None, *sorted(facts.rows_of_databases)):
        with suppress(Unreadable):
            texts: list[str] = []
            actors: list[str] = []
            for key, entry in facts.once(_by_others, database).get(role, ()):
                if entry.grantor not in going:
                    theirs, statements_of_it = in_the_name_of(
                        facts, database, key, entry.grantor, revoke(key, role, entry)
                    )
                    texts += statements_of_it
                    actors += theirs
            if texts:
                yield Change(
                    Stage.SCHEMA,
                    statements(*texts),
                    (cause,),
                    database=database,
                    risk=Risk.DESTRUCTIVE,
                    lost=lost,
                    acts_as=tuple(dict.fromkeys(actors)),
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
