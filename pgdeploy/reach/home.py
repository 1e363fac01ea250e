"""The folder of a cluster of our own: ours alone, and in it the data directory, which is the server's.

When root runs the server as another user, whatever root does in the data directory it does in a folder of that user:
by descriptors, following no link. Names in the folder itself are safe, as nobody else can set any.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import secrets
import stat
from pathlib import Path

from pgdeploy.errors import TargetError
from pgdeploy.local.nofollow import Folder, open_folder

DATA, LOG, LOCK = "data", "server.log", "lock"
_MAKING = "data.making"


class Home:
    """Open from `enter` to `leave`. `server` is the server's user and group, None where that is who we are."""

    def __init__(self, path: Path, server: tuple[int, int] | None) -> None:
        self.path = path
        self.server = server
        self._folder: Folder | None = None
        self._lock: int | None = None

    @property
    def folder(self) -> Folder:
        if self._folder is None:
            raise TargetError(f"{self.path}: the server is not started")
        return self._folder

    def enter(self, ours: frozenset[str]) -> None:
        """Make it if it is missing; `ours` are the names that may stand in it.

        Raises:
            TargetError: it cannot be made, is another user's, or holds something else.
        """
        try:
            self._folder = open_folder(str(self.path), make=True)
        except OSError as error:
            place = f"{error.filename}: " if error.filename not in (None, str(self.path)) else ""
            raise TargetError(
                f"{self.path}: cannot make the data directory: {place}{error.strerror}"
            ) from error
        self._require_own(self._folder)
        foreign = [name for name in self._folder.names() if name not in ours]
        if foreign and self._folder.look(LOCK) is None:
            raise TargetError(f"{self.path}: holds something else ({foreign[0]}); name an empty directory")
        if self.server is not None:
            # the server passes through to its data, and sees nothing else
            known = self._folder.known
            self._folder.give(known.st_uid, known.st_gid, stat.S_IMODE(known.st_mode) | 0o011)

    def _require_own(self, folder: Folder) -> None:
        """Who else may write here can exchange whatever we read and write."""
        owner, we = _user(folder.known.st_uid), _user(os.geteuid())
        if owner != we:
            raise TargetError(
                f"{self.path}: belongs to {owner}, not to {we}; name another directory, or, if all in it is yours: "
                f"chown {we} {self.path}"
            )
        if folder.for_others:
            advice = f"name another directory, or: chmod go-w {self.path}"
            raise TargetError(f"{self.path}: others may write there; {advice}")

    def take_lock(self) -> None:
        """Raises TargetError when another pgdeploy has it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._lock = os.open(LOCK, flags, 0o600, dir_fd=self.folder.descriptor)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TargetError(
                f"{self.path}: another pgdeploy is using this data directory; wait for it"
            ) from None

    def leave(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    # -- the log -------------------------------------------------------------------------------------

    def prepare_log(self) -> None:
        """The server writes its log, in a folder where it may make no file."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        log = os.open(LOG, flags, 0o600, dir_fd=self.folder.descriptor)
        try:
            known = os.fstat(log)
            if not stat.S_ISREG(known.st_mode) or known.st_nlink > 1:
                raise TargetError(f"{self.path / LOG}: not a plain file of its own; remove it")
            if self.server is not None:
                os.fchown(log, *self.server)
        finally:
            os.close(log)

    def log_size(self) -> int:
        known = self.folder.look(LOG)
        return 0 if known is None else known.st_size

    def log_since(self, place: int) -> str:
        with contextlib.suppress(OSError), os.fdopen(self.folder.open_file(LOG), "rb") as log:
            log.seek(place)
            return log.read(1 << 20).decode(errors="replace")
        return ""

    # -- the data directory --------------------------------------------------------------------------

    def data(self, name: str) -> bytes | None:
        """A file of the data directory; None where there is none.

        Raises:
            TargetError: it is a link, no plain file, or another user's.
        """
        try:
            with self.folder.enter(DATA) as data:
                found = data.read(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TargetError(f"{self.path / DATA / name}: {error.strerror}") from None
        return None if found is None else found.data

    def has_data(self, name: str) -> bool:
        with contextlib.suppress(FileNotFoundError), self.folder.enter(DATA) as data:
            return data.look(name) is not None
        return False

    def write_data(self, name: str, content: bytes) -> None:
        """Replace a file of the data directory in one step, so that a kill leaves the old or the new, never half."""
        with self.folder.enter(DATA) as data:
            data.write(name, content, self.server, 0o600)

    def remove_data(self, name: str) -> None:
        with self.folder.enter(DATA) as data:
            data.remove(name)

    def make_data(self) -> str:
        """A folder that becomes the data directory by `keep_data`: a kill before leaves no half cluster behind.

        An initdb that outlived its pgdeploy may still be at work in an older one.
        """
        for older in self.folder.names():
            if older.startswith(_MAKING):
                with contextlib.suppress(OSError):
                    self.folder.clear(older)
        making = f"{_MAKING}-{secrets.token_hex(4)}"
        self.folder.make(making, 0o700)
        if self.server is not None:
            with self.folder.enter(making) as folder:
                folder.give(*self.server, 0o700)
        return making

    def keep_data(self, making: str) -> None:
        here = self.folder.descriptor
        os.rename(making, DATA, src_dir_fd=here, dst_dir_fd=here)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
