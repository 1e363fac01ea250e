"""Backups with pg_dump: what is dumped, to where, how often, how long it is kept, and how a restore is proved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

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


def _ssh_key(text: str) -> str:
    if re.fullmatch(r"ssh-ed25519 [A-Za-z0-9+/]+={0,2}( .*)?", text) is None:
        raise ValueError(
            "allowed: a public key, ssh-ed25519 ..., as in the .pub file of ssh-keygen -t ed25519"
        )
    return text


class SigningSpec(Model):
    """Who vouches for restores: a proof that no trusted key signed is no proof."""

    trusted: Annotated[tuple[Annotated[str, AfterValidator(_ssh_key)], ...], Field(min_length=1)] = Field(
        description="public keys of SSH (ed25519) whose signatures count"
    )
    key: SecretRef | None = Field(None, description="where the private key is; only `prove` reads it")


class RetentionSpec(Model):
    """How many backups are kept. The newest is always kept."""

    count: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="at most this many backups"
    )
    days: Annotated[int, Field(ge=1, le=36_500)] | None = Field(
        None, description="none that is older than this"
    )


class RecoverySpec(Model):
    """What a disaster may cost: data (RPO, recovery point objective) and time (RTO, recovery time objective)."""

    rpo: Span = Field("1d", description="the newest backup is at most this old")
    rto: Span = Field("1h", description="a restore takes at most this long")
    restore_every: Span = Field("7d", description="the last proved restore is at most this long ago")


WORDS = {"hourly": "0 * * * *", "daily": "15 2 * * *", "weekly": "30 3 * * 0"}
"""Words for times in crontab(5): fields for minute, hour, day of the month, month, and day of the week."""


def _times(text: str) -> str:
    if text not in WORDS and re.fullmatch(r"[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}", text) is None:
        raise ValueError(f"allowed: {', '.join(WORDS)}, or the five fields of crontab(5), as in '15 2 * * *'")
    return text


Times = Annotated[str, AfterValidator(_times), Field(examples=[*WORDS])]


class ScheduleSpec(Model):
    """When cron makes backups and proves them; `pgdeploy backup NAME schedule` prints the lines for crontab."""

    backup: Times = Field(
        description="when a backup is made, and old ones are removed: `hourly`, `15 2 * * *`"
    )
    prove: Times = Field("weekly", description="when the newest backup is restored and checked")


class InvariantSpec(Model):
    """What a restored database must return."""

    sql: Annotated[str, Field(min_length=1, description="returns one row with one column")]
    returns: str | int | float | bool | None = Field(None, description="exactly this")
    at_least: float | None = Field(None, description="this, or more")


Preset = Literal["production", "staging"]

PRESETS: Mapping[str, Mapping[str, object]] = {
    "production": {
        "schedule": {"backup": "hourly"},
        "retention": {"days": 30},
        "recovery": {"rpo": "2h"},
    },
    "staging": {"schedule": {"backup": "daily"}, "retention": {"days": 7}, "recovery": {"rpo": "26h"}},
}
"""Hourly backups for 30 days, and daily ones: Hokm Database Deployment, Automatic Backups."""


def with_preset(data: object, presets: Mapping[str, Mapping[str, object]]) -> object:
    """Each section that is written takes the place of the preset's."""
    preset = data.get("preset") if isinstance(data, Mapping) else None
    usual = presets.get(preset, {}) if isinstance(preset, str) else {}
    return {**usual, **data} if isinstance(data, Mapping) and usual else data


def keys_of(signing: SigningSpec | None) -> tuple[str, ...]:
    """Public keys whose signatures records need; none where they need no signature."""
    return signing.trusted if signing is not None else ()


class DumpSpec(Model):
    """A dump of each database with pg_dump, kept where pgdeploy runs, and how its restore is proved."""

    preset: Preset | None = Field(
        None,
        description="what is left out of schedule, retention and recovery: hourly for 30 days, daily for 7",
    )
    engine: Literal["pg_dump"] = Field("pg_dump", description="`pg_dump`: a dump of each database, and roles")
    repository: RepositorySpec = Field(description="where they are kept")
    encryption: EncryptionSpec | None = Field(None, description="who can read it; left out: not encrypted")
    signing: SigningSpec | None = Field(
        None, description="who signs the records of restores; left out: nobody"
    )
    databases: tuple[Identifier, ...] = Field(
        (), description="what is backed up; default: all declared ones that allow connections"
    )
    schedule: ScheduleSpec | None = Field(None, description="when cron makes backups and proves them")
    jobs: Annotated[int, Field(ge=1, le=64)] = Field(2, description="tables that are dumped at once")
    retention: RetentionSpec = Field(
        default_factory=lambda: RetentionSpec(count=7), description="how many are kept, and for how long"
    )
    recovery: RecoverySpec = Field(
        default_factory=RecoverySpec, description="how much may be lost, and how long a restore may take"
    )
    invariants: FrozenMap[str, tuple[InvariantSpec, ...]] = Field(
        default_factory=FrozenMap, description="by database: what it must return when it is restored"
    )

    @property
    def trusted(self) -> tuple[str, ...]:
        """Public keys whose signatures records need; none where they need no signature."""
        return keys_of(self.signing)

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, data: object) -> object:
        return with_preset(data, PRESETS)
