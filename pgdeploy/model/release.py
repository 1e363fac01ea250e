"""Releases: `release:`, how one is made, what users see meanwhile, and what becomes of it when it fails."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Span
from pgdeploy.secret import conninfo
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import Identifier, Model


def _without_password(text: str) -> str:
    try:
        found = conninfo.options(text)
    except conninfo.ConninfoError as error:
        raise PydanticCustomError("dsn", "{why}", {"why": str(error)}) from None
    if conninfo.SECRETS & set(found):
        raise PydanticCustomError(
            "dsn", "holds a password (not shown); write it as `password: {env: NAME}` beside `dsn:`"
        )
    return text


class PgbouncerSpec(Model):
    """The admin console of a PgBouncer that all clients come through."""

    dsn: Annotated[str, AfterValidator(_without_password)] = Field(
        description="a libpq connection string of its database pgbouncer, without a password; that is sent by SCRAM "
        "alone, or as its require_auth allows"
    )
    password: SecretRef | None = Field(None, description="of the administrator whom the string names")
    databases: Annotated[tuple[Identifier, ...], Field(min_length=1)] = Field(
        description="what is paused, by the names that clients use"
    )


class MaintenanceSpec(Model):
    """What keeps users out while a release changes the server."""

    roles: tuple[Identifier, ...] = Field(
        (),
        description="the applications' roles: they get the connection limit 0, and their sessions end; users see "
        "errors",
    )
    pgbouncer: PgbouncerSpec | None = Field(
        None, description="PAUSE of a PgBouncer: users see no error, and wait"
    )
    patience: Span = Field(
        "10s",
        description="running transactions may take so long to end; then sessions are ended, a PAUSE fails",
    )

    @model_validator(mode="after")
    def _one_way(self) -> MaintenanceSpec:
        if bool(self.roles) == (self.pgbouncer is not None):
            raise PydanticCustomError("maintenance", "name one way: `roles:` or `pgbouncer:`")
        return self


class ReleaseSpec(Model):
    """How `pgdeploy release` brings the repository's migrations and state to the server."""

    backup: Literal["make", "recent", "none"] | None = Field(
        None,
        description="`make`: one before anything is changed; `recent`: the newest is within `recovery.rpo`; default: "
        "make where `backup:` is declared, else none",
    )
    maintenance: MaintenanceSpec | None = Field(
        None, description="keeps users out meanwhile; left out: they go on, and wait for locks"
    )
    max_downtime: Span = Field(
        "5min", description="maintenance may take so long; then the release is taken back"
    )
    timeout: Span = Field("1h", description="all of it may take so long; then the release is taken back")
    on_failure: Literal["roll_back", "restore", "stop"] = Field(
        "roll_back",
        description="`roll_back`: the revisions are taken back by their own way down; `restore`: the backup is "
        "restored; `stop`: it stays as it is for a person, and users stay out",
    )
    rehearsal: Span | None = Field(
        None,
        description="`pgdeploy rehearse` of exactly this must be at most this long ago; left out: none is needed",
    )
    lock_factor: Annotated[float, Field(ge=1, le=1000)] = Field(
        3,
        description="with `rehearsal:`: a revision is stopped that keeps users off a table for so many times as long "
        "as in the rehearsal, and for a second at least",
    )
    journal: Annotated[LocalPath, Field(min_length=1)] | None = Field(
        None,
        description="folder of the journals, on this machine; default: pgdeploy/releases in $XDG_STATE_HOME",
    )
