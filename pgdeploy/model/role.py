"""Roles and their memberships: `roles:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgdeploy.model.setting import SettingValue
from pgdeploy.model.undeclared import UndeclaredOfRole
from pgdeploy.postgres.moment import timestamp
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import FrozenMap, Identifier, Model


class MembershipSpec(Model):
    """A membership with its options; a plain role name stands for one without ADMIN OPTION."""

    role: Identifier = Field(description="the role it is a member of")
    admin: bool = Field(False, description="ADMIN OPTION: may pass the membership on; off unless switched on")
    inherit: bool | None = Field(None, description="INHERIT OPTION, from PostgreSQL 16")
    set: bool | None = Field(None, description="SET OPTION, from PostgreSQL 16")
    grantor: Identifier | None = Field(None, description="GRANTED BY, from PostgreSQL 16")


class RoleSpec(Model):
    """A role. Left out means not checked, except that dangerous attributes are off unless switched on."""

    state: Literal["present", "absent", "external"] = Field(
        "present",
        description="`absent`: the role must not exist; `external`: somebody else keeps it, it must exist",
    )
    reassign_owned_to: Identifier | None = Field(
        None, description="with `state: absent`: who gets what the role owns; without it such a role is kept"
    )
    login: bool | None = Field(None, description="may log in")
    superuser: bool | None = Field(None, description="SUPERUSER; off unless switched on")
    createrole: bool | None = Field(None, description="CREATEROLE; off unless switched on")
    createdb: bool | None = Field(None, description="CREATEDB; off unless switched on")
    replication: bool | None = Field(None, description="REPLICATION; off unless switched on")
    bypassrls: bool | None = Field(None, description="BYPASSRLS; off unless switched on")
    inherit: bool | None = Field(
        None, description="INHERIT: uses its memberships' privileges without SET ROLE"
    )
    connection_limit: Annotated[int, Field(ge=-1, le=2**31 - 1)] | None = Field(
        None, description="-1: no limit"
    )
    valid_until: str | None = Field(
        None, description="end of the password: a date, a time (UTC), `infinity` or `-infinity`"
    )
    password: SecretRef | None = Field(None, description="a reference, never text")
    settings: FrozenMap[str, SettingValue] = Field(
        default_factory=FrozenMap, description="ALTER ROLE ... SET"
    )
    settings_in: FrozenMap[Identifier, FrozenMap[str, SettingValue]] = Field(
        default_factory=FrozenMap, description="ALTER ROLE ... IN DATABASE ... SET, by database"
    )
    member_of: tuple[Identifier | MembershipSpec, ...] = Field((), description="roles it is a member of")
    undeclared: UndeclaredOfRole = Field(
        default_factory=UndeclaredOfRole, description="what it holds and the spec does not name"
    )
    purpose: Literal["backup"] | None = Field(None, description="`backup`: must be able to read every table")

    @property
    def has_ended(self) -> bool:
        """Whether the password is to let nobody in any more."""
        return self.valid_until is not None and timestamp(self.valid_until).is_past
