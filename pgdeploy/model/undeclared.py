"""What to do about privileges and memberships that a spec does not name: `undeclared:`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pgdeploy.spec.model import Model

Policy = Literal["drift", "ignore"]


class UndeclaredPrivileges(Model):
    """What to do about privileges here that the spec does not name."""

    grants: Policy = Field("drift", description="`ignore`: left alone, and the gate says so")
    default_privileges: Policy = Field("drift", description="`ignore`: left alone, and the gate says so")


class UndeclaredOfRole(UndeclaredPrivileges):
    """What to do about what a role holds, and the spec does not name."""

    member_of: Policy = Field("drift", description="its memberships; one that leads to a superuser is drift")
    members: Policy = Field("drift", description="who is a member of it")
