"""Roles: reserved names, moments, what an absent or external role may not say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.problems.reference import NO_ROLE, role_problems
from pgdeploy.postgres.moment import timestamp
from pgdeploy.postgres.values import ValueProblem
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.role import RoleSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of roles, each at its place."""
    for role, body in spec.roles.items():
        keys: Keys = ("roles", role)
        if role in NO_ROLE or role.startswith("pg_"):
            yield Problem(keys, f"{role} is a reserved name in PostgreSQL; it cannot be declared")
        if body.valid_until is not None:
            try:
                timestamp(body.valid_until)
            except ValueProblem as error:
                yield Problem((*keys, "valid_until"), f"valid_until: {error}")
        yield from _absent_role(spec, body, keys)
        yield from _external_role(body, keys)


def _external_role(body: RoleSpec, keys: Keys) -> Iterator[Problem]:
    """What pgdeploy would have to change is no part of it; memberships are compared, and others change them."""
    written = sorted(body.model_fields_set - {"state", "member_of"})
    if body.state == "external" and written:
        message = (
            f"{written[0]}: an external role is somebody else's, and pgdeploy changes nothing of it; allowed: "
            "`member_of:`, which is compared only"
        )
        yield Problem((*keys, written[0]), message)


def _absent_role(spec: Spec, body: RoleSpec, keys: Keys) -> Iterator[Problem]:
    heir = (*keys, "reassign_owned_to")
    written = sorted(body.model_fields_set - {"state", "reassign_owned_to"})
    if body.state == "absent" and written:
        yield Problem((*keys, written[0]), f"{written[0]}: an absent role takes no other option")
    if body.reassign_owned_to is not None and body.state != "external":
        if body.state != "absent":
            yield Problem(heir, "reassign_owned_to belongs to `state: absent`")
        yield from role_problems(spec, body.reassign_owned_to, heir)
