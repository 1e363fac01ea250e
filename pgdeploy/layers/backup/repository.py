"""A folder of backups: each is a folder of its own, with a manifest as its last file; and records of restores.

    20261129T211500Z/manifest.json, roles.sql, databases/shop/...
    records/20261129T211500Z.20261129T220000Z.json
    .making-20261129T211500Z/      one that is made, or was when somebody killed it

Whoever makes or removes backups holds the lock of the folder, so that what is being made is nobody else's. Whoever
reads a backup holds a shared lock of that backup's folder, so that nobody removes it meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.age import HEADER
from pgdeploy.layers.backup.manifest import File, Manifest, Record
from pgdeploy.layers.backup.signature import payload, verified
from pgdeploy.text.one_line import one_line

MANIFEST, RECORDS, MAKING, LOCK = "manifest.json", "records", ".making-", ".lock"
RELEASES = "releases"
"""The folder of the journals of releases, which stand beside the backups that these made."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A folder that should be a backup, or a file that should be a record, and why it is none."""

    label: str
    why: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a repository holds; the newest first."""

    backups: tuple[Manifest, ...]
    records: tuple[Record, ...]
    broken: tuple[Broken, ...]
    plain: tuple[str, ...] = ()
    """Files of the newest backup that are not encrypted, where its manifest says that it is."""


class Repository:
    """One folder."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).expanduser()

    def contents(self, trusted: Sequence[str] = ()) -> Contents:
        """What is in it; nothing where the folder does not exist. With `trusted` keys, only signed records count.

        Raises:
            TargetError: it cannot be read.
            MissingExtra: signatures cannot be verified, as securesystemslib is not installed.
        """
        backups, records, broken = list[Manifest](), list[Record](), list[Broken]()
        try:
            for folder in sorted(self.path.iterdir(), reverse=True) if self.path.exists() else ():
                if folder.name.startswith(".") or folder.name in (RECORDS, RELEASES):
                    continue
                try:
                    backups.append(_manifest(folder))
                except (ValueError, FileNotFoundError, NotADirectoryError) as error:
                    broken.append(Broken(folder.name, _words(error)))
            for file in sorted((self.path / RECORDS).glob("*.json"), reverse=True):
                try:
                    records.append(record_of(file.read_text("utf-8"), trusted))
                except ValueError as error:
                    broken.append(Broken(f"{RECORDS}/{file.name}", str(error)))
        except OSError as error:
            raise TargetError(f"{self.path}: {error.strerror}") from None
        backups.sort(key=lambda one: one.started, reverse=True)
        records.sort(key=lambda one: one.started, reverse=True)
        plain = self._plain(backups[0]) if backups and backups[0].recipients else ()
        return Contents(tuple(backups), tuple(records), tuple(broken), tuple(plain))

    def _plain(self, backup: Manifest) -> Iterator[str]:
        for name in backup.files:
            with suppress(FileNotFoundError), (self.folder(backup.label) / name).open("rb") as file:
                if file.read(len(HEADER)) != HEADER:
                    yield f"{backup.label}/{name}"

    def folder(self, label: str) -> Path:
        return self.path / label

    def chosen(self, label: str | None = None, before: float | None = None) -> Manifest:
        """The backup of this label, or the newest; of those that began before a moment, where one is given.

        Raises:
            TargetError: there is no such backup.
        """
        backups = self.contents().backups
        if not backups:
            raise TargetError(f"{self.path} holds no backup; make one first: pgdeploy backup NAME now")
        for one in backups:
            # people know it by the second that is in its name
            if (label is None or one.label == label) and (before is None or int(one.started) <= before):
                return one
        if label is not None:
            raise TargetError(f"{self.path} holds no backup {label}; the newest is {backups[0].label}")
        raise TargetError(
            f"{self.path} holds no backup from before that time; the oldest is {backups[-1].label}"
        )

    def digest(self, label: str) -> str:
        """Of the manifest, which holds those of all files."""
        return sha256((self.folder(label) / MANIFEST).read_bytes()).hexdigest()

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Until the end of the block no other pgdeploy changes it. What a killed one left is removed.

        Programs that write there get the lock's descriptor: one that outlives us still holds the lock.

        Raises:
            TargetError: another pgdeploy uses it, or the folder cannot be made.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(
                self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            raise TargetError(f"{self.path}: {error.strerror}") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TargetError(f"{self.path}: another pgdeploy is using it; try again later") from None
            for left in self.path.glob(f"{MAKING}*"):
                shutil.rmtree(left)
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def making(self, label: str) -> Iterator[Path]:
        """A folder that `keep` makes a backup; without that it is removed at the end of the block."""
        folder = self.path / f"{MAKING}{label}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, folder: Path, manifest: Manifest) -> None:
        """Make the folder a backup: all of it or nothing, even after a power cut."""
        for name in manifest.files:
            _sync(folder / name)
        (folder / MANIFEST).write_text(manifest.as_text(), encoding="utf-8")
        _sync(folder / MANIFEST)
        folder.rename(self.folder(manifest.label))
        _sync(self.path)

    def record(self, text: str, name: str) -> Path:
        """Keep the record of a restore: its JSON, or the envelope of that."""
        folder = self.path / RECORDS
        folder.mkdir(mode=0o700, exist_ok=True)
        file, new = folder / f"{name}.json", folder / ".new"
        new.write_text(text, encoding="utf-8")
        _sync(new)
        new.rename(file)
        _sync(folder)
        return file

    @contextmanager
    def in_use(self, label: str) -> Iterator[Path]:
        """The folder of a backup, which nobody removes until the end of the block. Others can make backups meanwhile.

        Raises:
            TargetError: it cannot be read, for example as it was removed a moment ago.
        """
        with ExitStack() as held:
            try:
                held.enter_context(_lock(self.folder(label), fcntl.LOCK_SH))
            except OSError as error:
                raise TargetError(f"{self.folder(label)}: {error.strerror}") from None
            yield self.folder(label)

    def remove(self, label: str) -> bool:
        """Remove a backup, unless it is in use. It stops being one in a single step, before its files go."""
        gone = self.path / f"{MAKING}{label}"
        try:
            with _lock(self.folder(label), fcntl.LOCK_EX | fcntl.LOCK_NB):
                self.folder(label).rename(gone)
                shutil.rmtree(gone)
        except BlockingIOError:
            return False
        return True

    def require_whole(self, manifest: Manifest) -> None:
        """Raises TargetError: a file of the backup is not as it was written."""
        if wrong := list(self.wrong_files(manifest)):
            raise TargetError(f"backup {manifest.label} is damaged", *wrong)

    def wrong_files(self, manifest: Manifest) -> Iterator[str]:
        """Files of a backup that are not as they were written, each with the reason. Reads every file."""
        folder = self.folder(manifest.label)
        for name, file in manifest.files.items():
            try:
                actual = measured(folder / name)
            except OSError as error:
                yield f"{manifest.label}/{name}: {error.strerror}"
                continue
            if actual != file:
                what = (
                    f"has {actual.size} bytes, not {file.size}"
                    if actual.size != file.size
                    else "has other bytes"
                )
                yield f"{manifest.label}/{name}: {what}"


@contextmanager
def _lock(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def measured(file: Path) -> File:
    """Size and digest of a file."""
    with file.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
        return File(os.fstat(stream.fileno()).st_size, digest)


def _manifest(folder: Path) -> Manifest:
    """Raises ValueError, FileNotFoundError, NotADirectoryError: it is no backup, or was copied from another one."""
    found = Manifest.read((folder / MANIFEST).read_text("utf-8"))
    if found.label != folder.name:
        raise ValueError(f"is the backup {found.label}, and has its folder's name no more")
    return found


def record_of(text: str, trusted: Sequence[str]) -> Record:
    """Raises ValueError: it is none, or no trusted key signed it."""
    if trusted:
        return Record.read(verified(text, trusted))
    return Record.read(payload(text))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _words(error: Exception) -> str:
    return one_line(f"has no {MANIFEST}" if isinstance(error, OSError) else str(error))
