"""What a host says of its backups: `pgbackrest info --output=json`, WAL that waits, timers, records of restores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import Unreadable
from pgdeploy.layers.backup.repository import record_of
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.layers.backup.manifest import Record

OK, NO_BACKUP = 0, 2
"""Of a repository: pgBackRest's codes for all that is well, and for a stanza in which no backup is yet."""


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup in one repository. Times are seconds since 1970."""

    label: str
    kind: str
    """full, diff or incr."""
    repository: int
    started: float
    ended: float
    size: int
    """Bytes of the cluster."""
    first_wal: str
    """The first file of WAL that its restore needs."""
    errors: bool
    """Whether pages had wrong checksums when it was made."""


@dataclass(frozen=True, slots=True)
class Repository:
    """What pgBackRest says of one repository."""

    number: int
    code: int
    message: str
    cipher: str
    last_wal: str
    backups: tuple[Backup, ...]
    """The newest first."""

    @property
    def readable(self) -> bool:
        return self.code in (OK, NO_BACKUP)


@dataclass(frozen=True, slots=True)
class Archiver:
    """pg_stat_archiver, and what the server is told to do. Ages are in seconds, None: it never happened."""

    mode: str
    last_wal: str
    archived_ago: float | None
    failed_wal: str
    failed_ago: float | None


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the checks ask about. What could not be read is raised when it is asked for."""

    host: Mapping[str, Any]
    archiver: Archiver | Unreadable
    trusted: Sequence[str] = ()

    def value(self, name: str) -> Any:
        """One section of what the host said.

        Raises:
            Unreadable: it could not be read there.
        """
        found = self.host.get(name, {"error": f"the host was not asked about its {name}"})
        if "error" in found:
            raise Unreadable(found["error"])
        return found["value"]

    @property
    def now(self) -> float:
        """The host's clock."""
        return float(self.value("now"))

    def repository(self, number: int) -> Repository:
        """Raises Unreadable: pgBackRest says nothing of it."""
        said = self.value("info")[str(number)]
        if "error" in said:
            raise Unreadable(one_line(said["error"]))
        for stanza in said["value"]:
            for repository in stanza.get("repo", ()):
                if repository["key"] == number:
                    return _repository(number, repository, stanza)
        raise Unreadable(f"pgBackRest says nothing of repository {number}")

    @property
    def server(self) -> Archiver:
        """Raises Unreadable: the server could not be asked."""
        if isinstance(self.archiver, Unreadable):
            raise self.archiver
        return self.archiver

    @property
    def records(self) -> tuple[Record, ...]:
        """Of restores; the newest first. With trusted keys only signed ones.

        Raises:
            Unreadable: they could not be read.
        """
        found = []
        for text in self.value("records").values():
            try:
                found.append(record_of(text, self.trusted))
            except ValueError:
                continue
        return tuple(sorted(found, key=lambda one: one.started, reverse=True))


def _repository(number: int, said: Mapping[str, Any], stanza: Mapping[str, Any]) -> Repository:
    here = [one for one in stanza.get("backup", ()) if one["database"]["repo-key"] == number]
    wal = [one for one in stanza.get("archive", ()) if one["database"]["repo-key"] == number]
    last: Mapping[str, Any] = max(wal, key=lambda one: one["database"]["id"], default={})
    status = said["status"]
    return Repository(
        number,
        status["code"],
        one_line(status["message"]),
        said.get("cipher", "none"),
        last.get("max") or "",
        tuple(sorted((_backup(number, one) for one in here), key=lambda one: one.ended, reverse=True)),
    )


def _backup(number: int, said: Mapping[str, Any]) -> Backup:
    times = said["timestamp"]
    return Backup(
        said["label"],
        said["type"],
        number,
        float(times["start"]),
        float(times["stop"]),
        int(said["info"]["size"]),
        said["archive"]["start"] or "",
        bool(said.get("error")),
    )
