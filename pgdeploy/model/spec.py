"""The whole spec: one field a kind. What the fields mean together is examined in `examine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.model.connect import ConnectSpec, Ssh
from pgdeploy.model.database import DatabaseSpec
from pgdeploy.model.docker import DockerSpec
from pgdeploy.model.grant import ServerGrantSpec
from pgdeploy.model.hba import HbaEntrySpec, HbaRuleSpec
from pgdeploy.model.host.spec import HostSpec
from pgdeploy.model.ident import IdentLineSpec
from pgdeploy.model.not_managed import NOT_MANAGED
from pgdeploy.model.release import ReleaseSpec
from pgdeploy.model.role import RoleSpec
from pgdeploy.model.setting import SettingValue, completions
from pgdeploy.model.smoke import SmokeSpec
from pgdeploy.model.tablespace import TablespaceSpec
from pgdeploy.model.vm import VmSpec
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import Day, FrozenMap, Identifier, Model


class Machine(Model):
    """What the server stands on, for advice that counts with it."""

    memory: str | None = Field(None, description="such as 48GB")
    cores: Annotated[int, Field(ge=1, le=4096)] | None = Field(None, description="CPUs that the server sees")


class Undeclared(Model):
    """What to do about roles and databases that the spec does not name."""

    roles: Literal["report", "drift", "ignore"] = Field(
        "report", description="undeclared superusers always drift"
    )
    databases: Literal["report", "drift", "ignore"] = Field(
        "report", description="databases are never dropped"
    )
    attributes: Literal["report", "drift", "ignore"] = Field(
        "drift",
        description="attributes and owners of what is named here that are not PostgreSQL's defaults, without a word",
    )


class Waiver(Model):
    """Silences one piece of advice (`rule`), or lets one check be red (`check`), for a reason and until a date."""

    rule: str | None = Field(None, description="the id that `pgdeploy lint` prints")
    on: str | None = Field(None, description="with `rule`: the address it speaks of; left out: everywhere")
    check: str | None = Field(None, description="the id of a check, which the gate then shows as waived")
    reason: str = Field(min_length=10, description="why this is right here")
    until: Day = Field(description="the last day on which it holds")

    @model_validator(mode="after")
    def _one_thing(self) -> Waiver:
        if (self.rule is None) == (self.check is None):
            raise PydanticCustomError(
                "waiver",
                "name one: `rule:`, an id that `pgdeploy lint` prints, or `check:`, one that the gate prints",
            )
        if self.check is not None and self.on is not None:
            raise PydanticCustomError(
                "waiver", "`on:` goes with `rule:`; a check's id says already what it is about"
            )
        return self


class Spec(Model):
    """What a PostgreSQL server must be."""

    unmanaged: ClassVar[Mapping[str, str]] = NOT_MANAGED

    description: str = Field("", description="what the server is for")
    source: str = Field("", description="the document that the spec was made from")
    postgres: Literal[14, 15, 16, 17, 18] = Field(description="major version")
    connect: ConnectSpec | None = Field(None, description="how to reach the live server")
    docker: DockerSpec | None = Field(
        None,
        description="the Docker engine of `services:` and of `connect: {docker: ...}`; left out: this machine's",
    )
    machine: Machine = Field(default_factory=Machine, description="what the server stands on")
    host: HostSpec | None = Field(None, description="the host under it, reached by ssh")
    vm: VmSpec | None = Field(None, description="the virtual machine under the host, in Proxmox VE")
    undeclared: Undeclared = Field(
        default_factory=Undeclared, description="what to do about what is not named here"
    )
    settings: FrozenMap[str, SettingValue] = Field(
        default_factory=FrozenMap, description="of the whole server", json_schema_extra=completions
    )
    hba: tuple[HbaEntrySpec, ...] | None = Field(
        None,
        description="rules of pg_hba.conf, and lines that read other files, in order; left out: not checked",
    )
    ident: tuple[IdentLineSpec, ...] | None = Field(
        None, description="user name maps: lines of pg_ident.conf in order; left out: not checked"
    )
    roles: FrozenMap[Identifier, RoleSpec] = Field(default_factory=FrozenMap, description="roles by name")
    tablespaces: FrozenMap[Identifier, TablespaceSpec] = Field(
        default_factory=FrozenMap, description="tablespaces by name"
    )
    grants: tuple[ServerGrantSpec, ...] = Field((), description="privileges on tablespaces and parameters")
    databases: FrozenMap[Identifier, DatabaseSpec] = Field(
        default_factory=FrozenMap, description="databases by name"
    )
    smoke: SmokeSpec | None = Field(None, description="what `pgdeploy smoke` asks; left out: all checks")
    release: ReleaseSpec | None = Field(None, description="how `pgdeploy release` goes about it")
    waivers: tuple[Waiver, ...] = Field(
        (), description="advice of `pgdeploy lint` that does not hold here, and checks that may be red"
    )

    @property
    def ssh(self) -> Ssh | None:
        """How ssh reaches the host: as `connect:` says, else at the VM's own address; None with a `dsn:`."""
        if self.connect is not None:
            return self.connect.ssh
        if self.vm is None:
            return None
        return Ssh(host=str(self.vm.network.interface.ip), user=self.vm.cloud_init.user)

    @property
    def hba_rules(self) -> list[tuple[int, HbaRuleSpec]]:
        """The rules of `hba:` alone, each with its place in the section."""
        return [(at, entry) for at, entry in enumerate(self.hba or ()) if isinstance(entry, HbaRuleSpec)]

    @property
    def secrets(self) -> list[SecretRef]:
        """The references to what the server itself holds: passwords, and secrets in settings and pg_hba.conf."""
        scopes = [self.settings, *(body.settings for body in self.databases.values())]
        for role in self.roles.values():
            scopes += [role.settings, *role.settings_in.values()]
        values: list[object] = [role.password for role in self.roles.values()]
        values += [value for scope in scopes for value in scope.values()]
        for _, rule in self.hba_rules:
            for option in rule.options.values():
                values += option if isinstance(option, tuple) else [option]
        return [value for value in values if isinstance(value, SecretRef)]

    @model_validator(mode="before")
    @classmethod
    def _nothing_to_say(cls, data: object) -> object:
        """`roles:` with nothing behind it is an empty section, as in any YAML."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None}
