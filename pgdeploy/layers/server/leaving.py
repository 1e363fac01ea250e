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
    texts: dict[str | None, list[str]] = defaultdict(list)
    actors: dict[str | None, list[str]] = defaultdict(list)
    for source in (None, *sorted(facts.rows_of_databases)):
        with suppress(Unreadable):
            for key, entry in facts.once(_by_others, source).get(role, ()):
                if entry.grantor not in going:
                    place = source if key.kind != "database" else _inside(facts, key.name)
                    statement = revoke(key, role, entry)
                    theirs, named = in_the_name_of(facts, source, key, entry.grantor, statement)
                    texts[place] += named
                    actors[place] += theirs
    for place, made in texts.items():
        yield Change(
            Stage.SCHEMA,
            statements(*made),
            (cause,),
            database=place,
            risk=Risk.DESTRUCTIVE,
            lost=lost,
            acts_as=tuple(dict.fromkeys(actors[place])),
            needs=needs,
        )


def _inside(facts: Facts, database: str) -> str | None:
    """The database itself, if it was entered: its other grants are changed there at the same time, and two transactions
    that change one ACL fail ("tuple concurrently updated").
    """
    entered = database in facts.rows_of_databases and database not in facts.refused
    return database if entered else None


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
