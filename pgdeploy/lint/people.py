"""Who is a member of whom, as the spec says it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgdeploy.layers.server.membership import of
from pgdeploy.lint.subject import Subject


def groups(subject: Subject, role: str, *, inherited: bool = False) -> frozenset[str]:
    """The role itself and all it is a member of, at any remove; `inherited`: whose rights it uses by itself."""
    return subject.once(_find_groups, role, inherited)


def _find_groups(subject: Subject, role: str, inherited: bool) -> frozenset[str]:
    found, unvisited = {role}, [role]
    while unvisited:
        for group in _direct(subject, unvisited.pop(), inherited=inherited):
            if group not in found:
                found.add(group)
                unvisited.append(group)
    return frozenset(found)


def _direct(subject: Subject, role: str, *, inherited: bool) -> Iterator[str]:
    body = subject.roles.get(role)
    for entry in of(body) if body is not None else ():
        inherits = entry.inherit if entry.inherit is not None else body is None or body.inherit is not False
        if inherits or not inherited:
            yield entry.role


def _members(subject: Subject) -> Mapping[str, Sequence[str]]:
    """The direct members of each role."""
    members: dict[str, list[str]] = {}
    for role, body in subject.roles.items():
        for entry in of(body):
            if entry.role != role:
                members.setdefault(entry.role, []).append(role)
    return members


def has_members(subject: Subject, role: str) -> bool:
    """Whether a declared role is a member of it."""
    return role in subject.once(_members)


def members(subject: Subject, roles: Iterable[str]) -> set[str]:
    """These roles, and all that are a member of one, at any remove."""
    below, direct = set(roles), subject.once(_members)
    unvisited = list(below)
    while unvisited:
        fresh = [member for member in direct.get(unvisited.pop(), ()) if member not in below]
        below.update(fresh)
        unvisited += fresh
    return below


def superusers(subject: Subject) -> Iterator[tuple[str, str]]:
    """Roles that log in and are superuser, or can become one by SET ROLE; and the superuser that they can be."""
    powerful = {role: role for role, body in subject.roles.items() if body.superuser}
    direct = subject.once(_members)
    # the first superuser by name is the one that is named
    for superuser in sorted(powerful):
        unvisited = [superuser]
        while unvisited:
            fresh = [member for member in direct.get(unvisited.pop(), ()) if member not in powerful]
            powerful.update(dict.fromkeys(fresh, superuser))
            unvisited += fresh
    for role, body in subject.roles.items():
        if body.login and role in powerful:
            yield role, powerful[role]
