"""What the engine says of a project's containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pgdeploy.errors import Unreadable


class FileFact(NamedTuple):
    """A file in a container."""

    mode: int
    uid: int
    digest: str


class RedisFact(NamedTuple):
    """What a running Redis says; `logins` is who may log in with the password of the spec.

    Where it `refused` our own login there is nothing else.
    """

    settings: Mapping[str, str]
    users: Mapping[str, str]
    logins: Mapping[str, bool]
    persistence: Mapping[str, str]
    refused: bool = False


class Certificate(NamedTuple):
    """What a server shows, and the file that it should have taken that from; ends in seconds since 1970."""

    shown: str
    filed: str
    until: float


@dataclass(frozen=True, slots=True)
class ContainerFact:
    """One container. `data` and `image` are the engine's own words; what could not be read says why."""

    data: Mapping[str, Any]
    image: Mapping[str, Any]
    tagged: str
    """The id of the image that the tag names now; empty where there is none."""
    uid: int | None
    """Of the server's user; None where the image has no such user."""
    files: Mapping[str, FileFact] | Unreadable
    data_version: str | Unreadable
    """Of the data directory of PostgreSQL; empty where there is none."""
    waiting: tuple[str, ...] | Unreadable
    """Settings of PostgreSQL that are in its files, and wait for a restart."""
    redis: RedisFact | Unreadable
    certificate: Certificate | Unreadable

    @property
    def config(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["Config"]
        return found

    @property
    def host(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["HostConfig"]
        return found

    @property
    def state(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data["State"]
        return found

    @property
    def runs(self) -> bool:
        return (
            bool(self.state["Running"]) and not self.state.get("Restarting") and not self.state.get("Paused")
        )

    @property
    def health(self) -> str:
        """`healthy`, `starting`, `unhealthy`; empty where nobody asks."""
        return str((self.state.get("Health") or {}).get("Status", ""))


@dataclass(frozen=True, slots=True)
class ProjectFact:
    """A project: its containers by service, others, and its networks as the engine says them."""

    containers: Mapping[str, ContainerFact]
    undeclared: tuple[str, ...]
    networks: Mapping[str, Mapping[str, Any]]


def moment(text: str) -> datetime:
    """The engine's time; its nanoseconds are more than we take."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(rest + '000000')[:6]}+00:00")
