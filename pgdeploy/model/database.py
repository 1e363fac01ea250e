"""Databases: `databases:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgdeploy.model.default_privilege import DefaultPrivilegeSpec
from pgdeploy.model.event_trigger import EventTriggerSpec
from pgdeploy.model.extension import ExtensionSpec
from pgdeploy.model.foreign_server import ForeignServerSpec
from pgdeploy.model.grant import GrantSpec
from pgdeploy.model.ownership import OwnershipSpec
from pgdeploy.model.publication import PublicationSpec
from pgdeploy.model.row_security import RowSecuritySpec
from pgdeploy.model.schema import SchemaSpec
from pgdeploy.model.setting import SettingValue
from pgdeploy.model.undeclared import UndeclaredPrivileges
from pgdeploy.spec.model import FrozenMap, Identifier, Model


class DatabaseSpec(Model):
    """A database and what stands in it. Left out means not checked; databases are never dropped."""

    owner: Identifier | None = Field(None, description="the role that owns it")
    from_template: Identifier | None = Field(
        None, description="the database it is copied from; default template1"
    )
    encoding: str | None = Field(None, description="such as UTF8; fixed when the database is made")
    locale_provider: Literal["libc", "icu", "builtin"] | None = Field(
        None, description="fixed when the database is made; icu from PostgreSQL 15, builtin from 17"
    )
    locale: str | None = Field(None, description="ICU or builtin locale; fixed when the database is made")
    lc_collate: str | None = Field(None, description="fixed when the database is made")
    lc_ctype: str | None = Field(None, description="fixed when the database is made")
    tablespace: Identifier | None = Field(None, description="where it is made; moving it later is not ours")
    is_template: bool | None = Field(None, description="others with CREATEDB may copy it")
    allow_connections: bool | None = Field(None, description="false: nobody may connect")
    connection_limit: Annotated[int, Field(ge=-1, le=2**31 - 1)] | None = Field(
        None, description="-1: no limit"
    )
    settings: FrozenMap[str, SettingValue] = Field(
        default_factory=FrozenMap, description="ALTER DATABASE ... SET"
    )
    schemas: FrozenMap[Identifier, SchemaSpec] = Field(default_factory=FrozenMap, description="schemas in it")
    extensions: FrozenMap[Identifier, ExtensionSpec] = Field(
        default_factory=FrozenMap, description="extensions in it"
    )
    undeclared: UndeclaredPrivileges = Field(
        default_factory=UndeclaredPrivileges, description="privileges in it that the spec does not name"
    )
    ownership: tuple[OwnershipSpec, ...] = Field((), description="who owns objects in it")
    grants: tuple[GrantSpec, ...] = Field((), description="privileges on it and on objects in it")
    default_privileges: tuple[DefaultPrivilegeSpec, ...] = Field(
        (), description="ALTER DEFAULT PRIVILEGES in it"
    )
    row_security: tuple[RowSecuritySpec, ...] = Field((), description="row level security of tables in it")
    publications: FrozenMap[Identifier, PublicationSpec] = Field(
        default_factory=FrozenMap, description="publications of it"
    )
    event_triggers: FrozenMap[Identifier, EventTriggerSpec] = Field(
        default_factory=FrozenMap, description="event triggers of it"
    )
    foreign_servers: FrozenMap[Identifier, ForeignServerSpec] = Field(
        default_factory=FrozenMap, description="foreign servers in it; `ownership:` says whose they are"
    )
