"""Who is a member of whom, as the spec says it."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.subject import Subject
from pgdeploy.resources.membership import of


def groups(subject: Subject, role: str, *, inherited: bool = False) -> frozenset[str]:
    """The role itself and all it is a member of, at any remove; `inherited`: whose rights it uses by itself."""
    known = subject.groups.get((role, inherited))
    if known is None:
        known = subject.groups[role, inherited] = frozenset(_find_groups(subject, role, inherited=inherited))
    return known


def _find_groups(subject: Subject, role: str, *, inherited: bool) -> set[str]:
    found, unvisited = {role}, [role]
    while unvisited:
        for group in _direct(subject, unvisited.pop(), inherited=inherited):
            if group not in found:
                found.add(group)
                unvisited.append(group)
    return found


def _direct(subject: Subject, role: str, *, inherited: bool) -> Iterator[str]:
    body = subject.roles.get(role)
    for entry in of(body) if body is not None else ():
        inherits = entry.inherit if entry.inherit is not None else body is None or body.inherit is not False
        if inherits or not inherited:
            yield entry.role


def has_members(subject: Subject, role: str) -> bool:
    """Whether a declared role is a member of it."""
    return any(role != member and role in groups(subject, member) for member in subject.roles)


def superusers(subject: Subject) -> Iterator[tuple[str, str]]:
    """Roles that log in and are superuser, or can become one by SET ROLE; and the superuser that they can be."""
    known = {role for role, body in subject.roles.items() if body.superuser}
    for role, body in subject.roles.items():
        ways = {role} if role in known else groups(subject, role) & known
        if body.login and ways:
            yield role, min(ways)
