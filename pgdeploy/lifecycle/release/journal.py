"""The journal of a release: what it did, line by line, in files that no restore of the server takes back.

    pgdeploy/releases/shop/20261130T150406Z.jsonl       on the controller
    REPOSITORY/releases/shop/20261130T150406Z.jsonl     beside the backups, where those are folders of this machine

Each line is on the disk before what it announces is begun, so whoever reads it knows what may have been done.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.dump import label_of
from pgdeploy.local.signals import finishing
from pgdeploy.text.counted import counted
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgdeploy.model.spec import Spec

STATE_HOME = "XDG_STATE_HOME"
VERSION = 1


@dataclass(slots=True)
class Journal:
    """One release. `entries` are its lines; the first one says what was there before."""

    id: str
    files: tuple[Path, ...]
    entries: list[dict[str, Any]] = field(default_factory=list)

    unwritten: str = ""
    """Why a line that only reports is not on the disk."""

    def announce(self, event: str, **what: Any) -> None:
        """Add a line to each file, on the disk when this returns: what it says may be begun then.

        Raises:
            TargetError: a file cannot be written.
        """
        self._write({"at": round(time.time(), 3), "event": event, **what})

    def report(self, event: str, **what: Any) -> None:
        """The same of what is done already. A disk that is full now does not undo it: the next call sees it itself."""
        entry = {"at": round(time.time(), 3), "event": event, **what}
        try:
            self._write(entry)
        except TargetError as error:
            self.unwritten = str(error)
            self.entries.append(entry)

    def _write(self, entry: dict[str, Any]) -> None:
        lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in (*self.entries, entry)]
        with finishing():  # a signal between files and memory would make an announced change a forgotten one
            for file in self.files:
                try:
                    _append(file, lines)
                except OSError as error:
                    raise TargetError(f"the journal {file} cannot be written: {error.strerror}") from None
            self.entries.append(entry)

    def last(self, event: str) -> Mapping[str, Any] | None:
        """The last line of this kind."""
        return next((one for one in reversed(self.entries) if one["event"] == event), None)

    def has(self, event: str) -> bool:
        return self.last(event) is not None

    @property
    def began(self) -> float:
        """Seconds since 1970."""
        return float(self.entries[0]["at"])

    @property
    def before(self) -> dict[str, list[str]]:
        """By entry of `migrations:`, the versions that were there before."""
        return dict(self.entries[0]["versions"])

    @property
    def result(self) -> str:
        """`done`, `rolled back`, `restored`, `stopped`, `failed` before it changed anything; empty: it has no end."""
        end = self.last("end")
        return str(end["result"]) if end is not None else ""

    @property
    def changed(self) -> bool:
        """Whether it may have changed the databases."""
        return self.has("change")

    @property
    def limits(self) -> dict[str, int]:
        """Connection limits that maintenance has changed and not given back, as they were before."""
        on = next((one for one in self.entries if one["event"] == "maintenance"), None)
        return {} if on is None or self._is_lifted else dict(on["limits"])

    @property
    def paused(self) -> bool:
        """Whether a PgBouncer may still be paused."""
        on = self.last("maintenance")
        return on is not None and bool(on["paused"]) and not self._is_lifted

    @property
    def _is_lifted(self) -> bool:
        order = [one["event"] for one in self.entries if one["event"] in ("maintenance", "maintenance off")]
        return order[-1:] == ["maintenance off"]

    @property
    def stays(self) -> list[str]:
        """What no way down takes back, for people."""
        number = int(self.entries[0].get("state", 0))
        return (
            [f"SQL state: {counted(number, 'change')} not undone; apply the spec of before"] if number else []
        )

    @property
    def in_maintenance(self) -> bool:
        return self.has("maintenance") and not self._is_lifted


class Journals:
    """All journals of a target."""

    def __init__(self, target: str, folders: Sequence[Path]) -> None:
        self.folders = tuple(folder / target for folder in folders)

    def all(self) -> list[Journal]:
        """The newest first. Of one that stands in several folders the first counts, which is written first.

        Raises:
            TargetError: one cannot be read, or is none.
        """
        names = sorted(
            {file.name for folder in self.folders for file in folder.glob("*.jsonl")}, reverse=True
        )
        return [self._read(name) for name in names]

    def _read(self, name: str) -> Journal:
        files = tuple(folder / name for folder in self.folders)
        entries = next(filter(None, (_entries(file) for file in files if file.exists())), [])
        if entries and (entries[0]["event"] != "begin" or entries[0].get("version") != VERSION):
            raise TargetError(f"{files[0]}: written by another version of pgdeploy")
        return Journal(name.removesuffix(".jsonl"), files, entries)

    def unfinished(self) -> Journal | None:
        """The one that has no end. There is one at most: no release begins before it is settled."""
        return next((one for one in self.all() if one.entries and not one.result), None)

    def in_maintenance(self) -> list[Journal]:
        """Those that users are still kept out for."""
        return [one for one in self.all() if one.in_maintenance]

    def chosen(self, name: str | None) -> Journal:
        """The release of this id, or the newest that changed something. Raises TargetError: there is none."""
        known = self.all()
        for one in known:
            if one.id == name or (name is None and one.changed):
                return one
        ids = ", ".join(one.id for one in known[:5]) or "none"
        wanted = "no release changed anything" if name is None else f"no release {one_line(name)}"
        raise TargetError(f"{wanted}; the journals in {self.folders[0]} have: {ids}")

    def begin(self, **what: Any) -> Journal:
        """A new one, with its first line."""
        for folder in self.folders:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise TargetError(f"{folder}: {error.strerror}; journals are kept there") from None
        while (self.folders[0] / f"{(name := label_of(time.time()))}.jsonl").exists():
            time.sleep(0.1)  # a release is named by its second
        made = Journal(name, tuple(folder / f"{name}.jsonl" for folder in self.folders))
        made.announce("begin", version=VERSION, **what)
        return made

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Until the end of the block no other release of this target runs on this machine.

        Raises:
            TargetError: one does.
        """
        folder = self.folders[0]
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(
                folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            raise TargetError(f"{folder}: {error.strerror}; journals are kept there") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TargetError(f"another release of {folder.name} is running on this machine") from None
            yield
        finally:
            os.close(descriptor)


def who() -> str:
    """Who writes a journal: user, machine and process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}, process {os.getpid()}"


def journals_of(target: str, spec: Spec) -> Journals:
    """Where the spec says, or in the user's folder of states; and beside backups that are a folder here."""
    from pgdeploy.layers import layer_of
    from pgdeploy.layers.backup.repository import RELEASES, Repository

    section = spec.release
    if section is not None and section.journal is not None:
        first = Path(section.journal)
    else:
        first = _state_home() / "pgdeploy/releases"
    backup = layer_of("backup").of(spec)
    beside = []
    if backup is not None and backup.engine == "pg_dump":
        beside = [Repository(backup.repository.path).path / RELEASES]
    return Journals(target, [first, *beside])


def _state_home() -> Path:
    try:
        return Path(os.environ.get(STATE_HOME) or Path.home() / ".local/state")
    except RuntimeError:
        raise TargetError(
            f"this user has no home folder for the journals of releases: write release: journal:, or set {STATE_HOME}"
        ) from None


def _append(file: Path, lines: Sequence[str]) -> None:
    """The last of these lines, and those before it that a kill or a full disk kept from this file. What they left of a
    line goes."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+b") as stream:
        there = stream.read()
        stream.seek(there.rfind(b"\n") + 1)
        stream.truncate()
        stream.write("".join(lines[there.count(b"\n") :]).encode())
        stream.flush()
        os.fsync(descriptor)
    folder = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _entries(file: Path) -> list[dict[str, Any]]:
    """Its lines; one that a kill cut short is none, and announced nothing that was begun."""
    found: list[dict[str, Any]] = []
    try:
        lines = file.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"the journal {file} cannot be read: {error}") from None
    for number, line in enumerate(lines[:-1], 1):
        try:
            entry = json.loads(line)
            if not isinstance(entry, dict) or "event" not in entry:
                raise ValueError
        except ValueError:
            raise TargetError(
                f"{file}:{number}: no line of a journal; move the file away when its release is over"
            ) from None
        found.append(entry)
    return found
