"""Memberships: groups and grantors that are declared, no circles."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server import provider
from pgdeploy.layers.server.circle import circles, rings
from pgdeploy.layers.server.membership import of
from pgdeploy.layers.server.problems.reference import NO_ROLE, circle_text, role_problems
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of memberships, each at its place."""
    admins = {(role, entry.role) for role, body in spec.roles.items() for entry in of(body) if entry.admin}
    around = _granted_around(spec)
    ways = circles(spec.roles, lambda role: _groups(spec, role))
    for role, body in spec.roles.items():
        seen = set()
        for index, entry in enumerate(of(body)):
            keys: Keys = ("roles", role, "member_of", index)
            if not _is_kept_elsewhere(spec, entry.role):
                yield from role_problems(spec, entry.role, keys)
            if entry.role in seen:
                yield Problem(keys, f"{quoted_name(role)} is a member of {quoted_name(entry.role)} twice")
            seen.add(entry.role)
            if entry.grantor is not None:
                yield from _grantor(spec, admins, entry.role, entry.grantor, (*keys, "grantor"))
                if path := around.get((entry.role, role)):
                    message = f"the grantors of {quoted_name(entry.role)} form a circle: {circle_text(path)}"
                    yield Problem((*keys, "grantor"), message)
        if path := ways.get(role):
            yield Problem(("roles", role, "member_of"), f"memberships form a circle: {circle_text(path)}")


def _is_kept_elsewhere(spec: Spec, role: str) -> bool:
    """A group that others keep: a provider, or where undeclared roles are none of ours anybody."""
    named = role not in spec.roles and not role.startswith("pg_") and role not in NO_ROLE
    return named and (spec.undeclared.roles == "ignore" or role in provider.NAMES)


def _groups(spec: Spec, role: str) -> Iterator[str]:
    """The declared roles that it is a direct member of."""
    return (entry.role for entry in of(spec.roles[role]) if entry.role in spec.roles)


def _grantor(
    spec: Spec, admins: Collection[tuple[str, str]], role: str, grantor: str, keys: Keys
) -> Iterator[Problem]:
    yield from role_problems(spec, grantor, keys)
    body = spec.roles.get(grantor)
    if body is None or not (body.superuser or (grantor, role) in admins):
        yield Problem(
            keys,
            f"{quoted_name(grantor)} cannot grant {quoted_name(role)}: it needs `admin: true` in it, or superuser",
        )


def _granted_around(spec: Spec) -> dict[tuple[str, str], list[str]]:
    """Circles of grantors, by the role that is granted and the first member on the circle."""
    grantors: dict[str, dict[str, str]] = {}
    for member, body in spec.roles.items():
        for entry in of(body):
            if entry.grantor is not None:
                grantors.setdefault(entry.role, {}).setdefault(member, entry.grantor)
    return {(role, first): way for role, after in grantors.items() for first, way in rings(after).items()}
