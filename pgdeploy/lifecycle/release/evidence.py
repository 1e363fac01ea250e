"""Evidence: the record of a rehearsal, signed where the spec says so, and what makes it count for a release."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import PgdeployError
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.layers.backup.signature import payload, sign, verified
from pgdeploy.layers.migration.project import scripts_of
from pgdeploy.local.new_file import write_file
from pgdeploy.text.quantity import shown

if TYPE_CHECKING:
    from pgdeploy.lifecycle.release.journal import Journals
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.secret.reference import Secret

VERSION = 1
PAYLOAD_TYPE = "application/vnd.pgdeploy.rehearsal+json"
_FOLDER = "rehearsals"


@dataclass(frozen=True, slots=True)
class Record:
    """One rehearsal. Times are seconds since 1970, spans seconds."""

    target: str
    spec: str
    """Digest of the spec with all that it extends."""
    scripts: str
    """Digest of all revisions' files."""
    versions: Mapping[str, Sequence[str]]
    """By entry of `migrations:`, what the restored version tables had."""
    major: int
    backup: str
    manifest: str
    """Digest of the backup's manifest."""
    started: float
    rpo: float
    """What a restore would have lost: the age of what was restored."""
    rto: float
    """How long the restore took."""
    release: float
    """How long migrations and state took."""
    pause: float
    """The longest wait of a client that read and wrote meanwhile."""
    pause_of: str
    lock: float
    """The longest time that a table was kept from others."""
    lock_of: str
    undo: float
    """How long it took to take all of it back."""
    checks: int
    failed: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not self.failed

    @property
    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"backup {self.backup}: restored in {shown(self.rto, 's')}; it is {shown(self.rpo, 's')} old"
        pause = f"a client waited for {shown(self.pause, 's')} at most" + (
            f" ({self.pause_of})" if self.pause_of else ""
        )
        lock = f"the longest lock was {shown(self.lock, 's')}" + (
            f" ({self.lock_of})" if self.lock_of else ""
        )
        yield f"release: {shown(self.release, 's')}; {pause}; {lock}"
        yield f"way back: {shown(self.undo, 's')}"
        yield f"{self.checks} checks, {len(self.failed)} do not hold"
        yield from (f"  {one}" for one in self.failed)


def digest_of(sections: Mapping[str, MigrationSpec]) -> str:
    """Of the files of all revisions, in their order."""
    whole = sha256()
    for name, section in sections.items():
        whole.update(f"{name}\0".encode())
        for one in scripts_of(section).revisions:
            for file in one.files:
                whole.update(f"{one.revision}\0".encode() + sha256(Path(file).read_bytes()).digest())
    return whole.hexdigest()


def keep(journals: Journals, record: Record, key: Secret | None) -> None:
    """Beside the journals; signed with the key, where there is one. Raises OSError."""
    text = json.dumps({"version": VERSION, **asdict(record)}, indent=1) + "\n"
    text = text if key is None else sign(text, key, PAYLOAD_TYPE)
    for folder in journals.folders:
        place = folder / _FOLDER
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(place / f"{label_of(record.started)}.json", text)


def newest(journals: Journals, trusted: Sequence[str]) -> Record:
    """The newest record; with trusted keys one that such a key signed.

    Raises:
        PgdeployError: there is none, or the newest is none that counts, with the reason.
    """
    files = [file for folder in journals.folders for file in folder.glob(f"{_FOLDER}/*.json")]
    if not files:
        raise PgdeployError("nobody has rehearsed it: pgdeploy rehearse NAME")
    file = max(files, key=lambda one: one.name)
    try:
        text = file.read_text("utf-8")
        return _read(verified(text, trusted, PAYLOAD_TYPE) if trusted else payload(text))
    except (OSError, ValueError) as error:
        raise PgdeployError(f"{file}: {error}") from None


def _read(text: str) -> Record:
    """Raises ValueError: it is no record."""
    try:
        data: dict[str, Any] = json.loads(text)
        if data.pop("version") != VERSION:
            raise ValueError("written by another version of pgdeploy")
        return Record(**{**data, "failed": tuple(data["failed"])})
    except (TypeError, KeyError, AttributeError, json.JSONDecodeError):
        raise ValueError("not a record of a rehearsal") from None


@dataclass(frozen=True, slots=True)
class Needed:
    """What a rehearsal must have been of."""

    target: str
    spec: str
    scripts: str
    versions: Mapping[str, Sequence[str]]
    major: int
    within: float
    """Seconds."""


def faults(record: Record, needed: Needed) -> Iterator[str]:
    """Why a rehearsal does not count for this release."""
    if record.target != needed.target:
        yield f"it was of {record.target}"
    if record.spec != needed.spec:
        yield "the spec is another one since"
    if record.scripts != needed.scripts:
        yield "the revisions are others since"
    if {name: sorted(of) for name, of in record.versions.items()} != {
        name: sorted(of) for name, of in needed.versions.items()
    }:
        yield "it began at other revisions than the server has"
    if record.major != needed.major:
        yield f"it was on PostgreSQL {record.major}"
    if (age := time.time() - record.started) > needed.within:
        yield f"it is {shown(age, 's')} old, and {shown(needed.within, 's')} is allowed"
    if not record.good:
        yield f"it failed: {record.failed[0]}"
