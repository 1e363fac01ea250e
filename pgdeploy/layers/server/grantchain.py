"""What REVOKE ... CASCADE takes along: whoever loses a grant option loses what was granted through it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pgdeploy.layers.server.acl import Acls, Entry, ObjectKey

Taken = tuple[ObjectKey, str, Entry]
"""An object, a grantee, and of one grantor's entry what is taken: privileges, or (grantable) their option only."""

Along = dict[tuple[ObjectKey, str, str], frozenset[str]]
"""Privileges that go along, by object, grantee and grantor."""

_NOTHING: frozenset[str] = frozenset()


def along(acls: Acls, owners: Mapping[ObjectKey, str], taken: Iterable[Taken]) -> Along:
    """What goes beyond what is taken by name."""
    by_object: dict[ObjectKey, list[Taken]] = defaultdict(list)
    for one in taken:
        by_object[one[0]].append(one)
    found: Along = {}
    columns = _columns(acls) if any(key.kind == "table" for key in by_object) else {}
    for key, here in by_object.items():
        owner = owners.get(key, "")
        found |= _cascade(key, acls.get(key, {}), owner, here, by_name=True)
        for column in columns.get((key.schema, key.name), ()) if key.kind == "table" else ():
            # a REVOKE on a table is one on its columns, too
            whole = [(column, role, entry) for _, role, entry in here if entry.plain]
            found |= _cascade(column, acls[column], owner, whole, by_name=False)
    return found


def _columns(acls: Acls) -> Mapping[tuple[str | None, str], list[ObjectKey]]:
    found: dict[tuple[str | None, str], list[ObjectKey]] = defaultdict(list)
    for key in acls:
        if key.kind == "column":
            found[key.schema, key.name].append(key)
    return found


def _cascade(
    key: ObjectKey,
    entries: Mapping[str, Sequence[Entry]],
    owner: str,
    taken: Iterable[Taken],
    *,
    by_name: bool,
) -> Along:
    """The server's own rule, on one object; `by_name`: what is taken first is no surprise."""
    held = {(role, entry.grantor): entry.privileges for role, known in entries.items() for entry in known}
    option = {(role, entry.grantor): entry.grantable for role, known in entries.items() for entry in known}
    found: Along = {}
    work = [
        (role, entry.grantor, entry.privileges, bool(entry.plain), not by_name) for _, role, entry in taken
    ]
    while work:
        role, grantor, words, whole, unnamed = work.pop()
        here = held.get((role, grantor), _NOTHING) & words
        if whole and unnamed and here:
            found[key, role, grantor] = found.get((key, role, grantor), _NOTHING) | here
        before = option.get((role, grantor), _NOTHING) & words
        if not before or role == owner:
            continue
        option[role, grantor] -= before
        gone = before.difference(*(words for (other, _), words in option.items() if other == role))
        work += [
            (other, by, gone, True, True)
            for (other, by), words in held.items()
            if by == role and words & gone
        ]
    return found


def furthest_first(acls: Acls, taken: Iterable[Taken]) -> list[Taken]:
    """What was granted through others before theirs: a grantor without any privilege can take nothing back."""
    listed = list(taken)
    if all(len(acls.get(key, {})) < 3 for key, *_ in listed):
        return listed
    ranks = {key: _ranks(acls.get(key, {})) for key in {key for key, *_ in listed}}
    return sorted(listed, key=lambda one: -ranks[one[0]].get(one[2].grantor, 0))


def _ranks(entries: Mapping[str, Sequence[Entry]]) -> Mapping[str, int]:
    """How many hands each role's own grants went through, at most."""
    rank = dict.fromkeys(entries, 0)
    for _ in entries:  # as long a way as there can be
        before = dict(rank)
        for role, known in entries.items():
            ranks = (rank.get(entry.grantor, -1) + 1 for entry in known if entry.grantor != role)
            rank[role] = max(rank[role], *ranks, 0)
        if rank == before:
            break
    return rank
