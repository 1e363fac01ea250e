"""Backups with pgBackRest: the whole cluster and its WAL, kept where the host writes it; or with pg_dump."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from pgdeploy.model.backup import (
    DumpSpec,
    InvariantSpec,
    Preset,
    RetentionSpec,
    SigningSpec,
    Times,
    keys_of,
    with_preset,
)
from pgdeploy.model.host.amount import Span
from pgdeploy.model.host.need import HostNeeds
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.frozenmap import FrozenMap
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import shaped
from pgdeploy.text.name_pattern import BUCKET, HOST_PATH, S3_ENDPOINT, STANZA

if TYPE_CHECKING:
    from pgdeploy.model.setting import SettingValue

HostPath = Annotated[str, *shaped(*HOST_PATH)]

LOCAL, IN_BUCKET = "/var/lib/pgbackrest", "/pgbackrest"


class S3Spec(Model):
    """A bucket of a store that speaks S3."""

    bucket: Annotated[str, *shaped(*BUCKET)] = Field(description="its name")
    endpoint: Annotated[str, *shaped(*S3_ENDPOINT)] = Field(
        description="name of the store, with a port if it is not 443: s3.eu-central-1.amazonaws.com"
    )
    region: Annotated[str, *shaped(*BUCKET)] = Field(description="such as eu-central-1")
    style: Literal["host", "path"] = Field(
        "host", description="where the bucket stands: in the host's name, or in the path"
    )
    ca: HostPath | None = Field(None, description="file on the host: certificates that vouch for the store")
    key: SecretRef = Field(description="where the access key is")
    secret: SecretRef = Field(description="where the secret key is")


class PlaceSpec(Model):
    """One place where backups and WAL are kept."""

    path: HostPath | None = Field(
        None,
        description=f"a folder of the host, default {LOCAL}; with s3: in the bucket, default {IN_BUCKET}",
    )
    s3: S3Spec | None = Field(None, description="a bucket; left out: a folder of the host")
    passphrase: SecretRef | None = Field(
        None, description="where the passphrase is that encrypts it (AES-256); left out: not encrypted"
    )
    retention: RetentionSpec = Field(
        default_factory=lambda: RetentionSpec(count=2),
        description="how many full backups are kept, or for how many days; with them what depends on them, and WAL",
    )

    @property
    def folder(self) -> str:
        """Where it is, on the host or in the bucket."""
        return self.path or (IN_BUCKET if self.s3 is not None else LOCAL)


class TimersSpec(Model):
    """When systemd makes backups on the host; old ones are removed after each."""

    full: Times = Field(description="all of the cluster: `weekly`, `30 3 * * 0`")
    differential: Times | None = Field(None, description="what changed since the last full one")
    incremental: Times | None = Field(None, description="what changed since the last one of any kind")
    prove: Times = Field("weekly", description="when cron proves the newest backup, where pgdeploy runs")

    @property
    def of_kinds(self) -> Mapping[str, str]:
        """When each kind of backup is made, by pgBackRest's word for it."""
        times = {"full": self.full, "diff": self.differential, "incr": self.incremental}
        return {kind: when for kind, when in times.items() if when is not None}


class RecoveryOfClusterSpec(Model):
    """What a disaster may cost: data (RPO, recovery point objective) and time (RTO, recovery time objective)."""

    rpo: Span = Field("15min", description="WAL waits at most this long until it is in each repository")
    rto: Span = Field("1h", description="a restore takes at most this long")
    restore_every: Span = Field("7d", description="the last proved restore is at most this long ago")
    newest: Span = Field("26h", description="the newest backup is at most this old")
    full: Span = Field("8d", description="the newest full backup is at most this old")


PRESETS: Mapping[str, Mapping[str, object]] = {
    "production": {"schedule": {"full": "weekly", "differential": "daily", "incremental": "hourly"}},
    "staging": {"schedule": {"full": "weekly", "incremental": "daily"}},
}
"""Hourly and daily backups: Hokm Database Deployment, Automatic Backups."""

_DAYS = {"production": 30, "staging": 7}


class PgbackrestSpec(Model, HostNeeds):
    """The whole cluster with its WAL by pgBackRest on the host: restored to any moment, and how that is proved."""

    preset: Preset | None = Field(
        None, description="what is left out of schedule and retention: hourly for 30 days, daily for 7"
    )
    engine: Literal["pgbackrest"] = Field(
        description="`pgbackrest`: the whole cluster with its WAL; needs `host:`"
    )
    stanza: Annotated[str, *shaped(*STANZA)] = Field(
        "main", description="its name in the repositories; servers that share a repository have one each"
    )
    repositories: Annotated[tuple[PlaceSpec, ...], Field(min_length=1, max_length=4)] = Field(
        description="where they are kept; more than one: all of it in each"
    )
    signing: SigningSpec | None = Field(
        None, description="who signs the records of restores; left out: nobody"
    )
    schedule: TimersSpec | None = Field(None, description="when systemd makes backups")
    jobs: Annotated[int, Field(ge=1, le=64)] = Field(2, description="files that are read or written at once")
    scratch: HostPath | None = Field(
        None,
        description="folder of the host for a restore that is proved; default: beside the data directory",
    )
    recovery: RecoveryOfClusterSpec = Field(
        default_factory=RecoveryOfClusterSpec, description="how much may be lost, how long a restore may take"
    )
    invariants: FrozenMap[str, tuple[InvariantSpec, ...]] = Field(
        default_factory=FrozenMap, description="by database: what it must return when it is restored"
    )

    @property
    def trusted(self) -> tuple[str, ...]:
        """Public keys whose signatures records need; none where they need no signature."""
        return keys_of(self.signing)

    @property
    def host_packages(self) -> tuple[str, ...]:
        return ("pgbackrest",)

    @property
    def host_settings(self) -> Mapping[str, SettingValue]:
        return {
            "archive_mode": True,
            "archive_command": f"pgbackrest --stanza={self.stanza} archive-push %p",
            "archive_timeout": "1min",
        }

    @property
    def host_folders(self) -> Mapping[str, str]:
        places = enumerate(self.repositories, 1)
        return {f"backup repository {number}": place.folder for number, place in places if place.s3 is None}

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, data: object) -> object:
        whole = with_preset(data, PRESETS)
        days = _DAYS.get(str(whole.get("preset"))) if isinstance(whole, Mapping) else None
        if days is None or not isinstance(whole, Mapping) or not isinstance(whole.get("repositories"), list):
            return whole
        return {**whole, "repositories": [_kept(one, days) for one in whole["repositories"]]}


def _kept(place: object, days: int) -> object:
    return {"retention": {"days": days}, **place} if isinstance(place, Mapping) else place


# they stand in pydantic's locations, so they must be no keys
_DUMP, _CLUSTER = "with pg_dump", "with pgbackrest"


def _engine(data: Any) -> str:
    engine = data.get("engine") if isinstance(data, Mapping) else getattr(data, "engine", None)
    return _CLUSTER if engine == "pgbackrest" else _DUMP


BackupSpec = Annotated[
    Annotated[DumpSpec, Tag(_DUMP)] | Annotated[PgbackrestSpec, Tag(_CLUSTER)], Discriminator(_engine)
]
"""The section `backup:`; without an engine it is pg_dump."""
