"""The manifest of a backup. It is written last, so a folder without one is no backup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pgdeploy.layers.backup.created import Created

VERSION = 1


class File(NamedTuple):
    """A file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup. Times are seconds since 1970."""

    label: str
    target: str
    engine: str
    major: int
    """Of the server."""
    program: str
    """What made it, with its version."""
    system: str
    """The server's system identifier."""
    started: float
    """When its first dump began."""
    ended: float
    databases: Mapping[str, Created]
    """In the order of their folders."""
    files: Mapping[str, File]
    """By path within the backup, as it stands there."""
    recipients: tuple[str, ...] = ()
    """Public keys that it is encrypted to; without one it is not encrypted."""

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())

    def as_text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, text: str) -> Manifest:
        """The same from its text. Raises ValueError: the text is not one."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.pop("version") != VERSION:
                raise ValueError("written by another version of pgdeploy")
            files = {name: File(**file) for name, file in _dicts(data.pop("files")).items()}
            databases = {name: Created(**one) for name, one in data.pop("databases").items()}
            if not all(map(_is_within, files)):
                raise ValueError("names files outside of its folder")
            recipients = tuple(data.pop("recipients"))
            return cls(**data, databases=databases, files=files, recipients=recipients)
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError):
            raise ValueError("not a manifest of pgdeploy") from None


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _dicts(files: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """asdict leaves a named tuple a tuple, which JSON has as a list."""
    return {name: {"size": file[0], "sha256": file[1]} for name, file in files.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """A restore that was tried: of which backup, how long it took, and what did not hold."""

    label: str
    manifest: str
    """Digest of the backup's manifest."""
    started: float
    seconds: float
    major: int
    """Of the server that it was restored into."""
    checks: int
    """How many were asked of it."""
    failed: tuple[str, ...]
    """Those that do not conform, and invariants that do not hold."""

    @property
    def good(self) -> bool:
        return not self.failed

    @property
    def result(self) -> str:
        """How long it took, and how it ended, in a few words."""
        end = "and was good" if self.good else f"and failed: {'; '.join(self.failed)}"
        return f"took {self.seconds:.1f}s, {end}"

    @property
    def lines(self) -> list[str]:
        """For people."""
        took = f"restored and asked within {self.seconds:.1f}s"
        result = f"{self.label}: {took}, {self.checks} checks, {len(self.failed)} do not hold"
        return [result, *(f"  {one}" for one in self.failed)]

    def as_text(self) -> str:
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def read(cls, text: str) -> Record:
        """The same from its text. Raises ValueError: the text is not one."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.pop("version") != VERSION:
                raise ValueError("written by another version of pgdeploy")
            return cls(**{**data, "failed": tuple(data["failed"])})
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError):
            raise ValueError("not a record of pgdeploy") from None


def tried(label: str, records: Iterable[Record]) -> str:
    """What became of the last restore of a backup; the newest record comes first."""
    last = next((one for one in records if one.label == label), None)
    return "no restore of it was tried before" if last is None else f"its last restore {last.result}"
