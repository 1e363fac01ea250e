"""Backups: `backup:`, what is kept of the server, where, for how long, and how its use is proved."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Span
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.spec.model import Identifier, Model


class RepositorySpec(Model):
    """Where backups are kept."""

    path: Annotated[LocalPath, Field(min_length=1)] = Field(
        description="a folder of the machine on which pgdeploy runs"
    )


def _public_key(text: str) -> str:
    if re.fullmatch(r"age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) \S+( .*)?", text) is None:
        raise ValueError(
            "allowed: a public key, age1... or ssh-ed25519 ...; the private one goes into identity:"
        )
    return text


class EncryptionSpec(Model):
    """Who can read a backup: age encrypts it to public keys; the private key is needed for a restore alone."""

    recipients: Annotated[tuple[Annotated[str, AfterValidator(_public_key)], ...], Field(min_length=1)] = (
        Field(
            description="public keys, as age-keygen prints them, or of SSH; the private key of one of them is enough"
        )
    )
    identity: SecretRef | None = Field(
        None, description="where the private key is; only restores and their proofs read it"
    )


class RetentionSpec(Model):
    """How many backups are kept; the newest always is."""

    count: Annotated[int, Field(ge=1, le=10_000)] | None = Field(None, description="so many of them at most")
    days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(None, description="none that is older")


class RecoverySpec(Model):
    """What a backup is good for: how much is lost at most, and how long it takes until the server is back."""

    rpo: Span = Field("1d", description="the newest backup is at most so old")
    rto: Span = Field("1h", description="a restore takes at most so long")
    restore_every: Span = Field("7d", description="the last restore that was proved is at most so long ago")


class InvariantSpec(Model):
    """What a restored database must say."""

    sql: Annotated[str, Field(min_length=1, description="gives one row with one column")]
    returns: str | int | float | bool | None = Field(None, description="exactly this")
    at_least: float | None = Field(None, description="this, or more")


class BackupSpec(Model):
    """What is kept of the server, where, for how long, and how its use is proved."""

    engine: Literal["pg_dump"] = Field("pg_dump", description="`pg_dump`: a dump of each database, and roles")
    repository: RepositorySpec = Field(description="where they are kept")
    encryption: EncryptionSpec | None = Field(None, description="who can read it; left out: not encrypted")
    databases: tuple[Identifier, ...] = Field((), description="those that are kept; default: all declared")
    jobs: Annotated[int, Field(ge=1, le=64)] = Field(2, description="tables that are dumped at once")
    retention: RetentionSpec = Field(
        default_factory=lambda: RetentionSpec(count=7), description="how many are kept, and for how long"
    )
    recovery: RecoverySpec = Field(
        default_factory=RecoverySpec, description="how much may be lost, and how long a restore may take"
    )
    invariants: FrozenMap[str, tuple[InvariantSpec, ...]] = Field(
        default_factory=FrozenMap, description="by database: what it must say when it is restored"
    )
