"""Files in folders of other users, by descriptors: the owner of a folder cannot lead us elsewhere by a link.

A path is opened one folder at a time. A link is followed only while the whole way so far is ours (root's, or of the
user that we run as), so that nobody else could have placed it. Below the first folder that others may write to,
nothing is followed, and a file that has a second name is not read: it may be anybody's.

This goes to hosts along with the scripts of pyinfra_deploys/remote: Python 3.9, the standard library.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import NamedTuple, Optional

_MOST_LINKS = 40
_FILE_LIMIT = 16 << 20
"""Bytes of a file that are read at most."""
_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)
"""A folder on the way need not be readable."""


class Unsafe(OSError):
    """What stands there may be led elsewhere by another user, or is no plain file; nothing was done with it."""


class PlainFile(NamedTuple):
    data: bytes
    known: os.stat_result

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "surrogateescape")


class Folder:
    """An open folder.

    `ours_above`: nobody else could have put anything on the way here; `ours`: nor in it.
    """

    def __init__(self, descriptor: int, path: str, above: bool) -> None:
        self.descriptor = descriptor
        self.path = path
        self.ours_above = above
        self.known = os.fstat(descriptor)
        self.for_others = _for_others(self.known)
        self.sticky = self.for_others and bool(self.known.st_mode & stat.S_ISVTX)
        owned = self.known.st_uid in (0, os.geteuid())
        self.ours = above and owned and (self.sticky or not self.for_others)

    def __enter__(self) -> "Folder":  # noqa: PYI034 - 3.9 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self.descriptor)

    def place(self, name: str) -> str:
        return os.path.join(self.path, name)

    def look(self, name: str) -> Optional[os.stat_result]:
        """The entry itself, never what a link leads to; None where there is none."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def target(self, name: str) -> str:
        """Where a link leads, when it is ours.

        Raises:
            Unsafe: another user could have put it there.
        """
        known = self.look(name)
        mine = known is not None and known.st_uid in (0, os.geteuid())
        # in /tmp a second name of a link of ours may be anybody's
        if not self.ours or not mine or (self.sticky and known is not None and known.st_nlink > 1):
            raise _unsafe(
                "a link in a folder of another user is not followed; name what it leads to",
                self.place(name),
            )
        return os.path.join(self.path, os.readlink(name, dir_fd=self.descriptor))

    def enter(self, name: str) -> "Folder":
        """The folder below; raises NotADirectoryError for anything else, a link too."""
        flags = _PATH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            opened = os.open(name, flags, dir_fd=self.descriptor)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, self.place(name)) from None
        return Folder(opened, self.place(name), self.ours)

    def make(self, name: str, mode: int = 0o755) -> None:
        """A new folder, unless there is one."""
        try:
            os.mkdir(name, mode, dir_fd=self.descriptor)
        except FileExistsError:
            pass
        except OSError as error:
            raise type(error)(error.errno, error.strerror, self.place(name)) from None

    def names(self) -> list[str]:
        opened = self.reopened()
        try:
            return os.listdir(opened)
        finally:
            os.close(opened)

    def reopened(self) -> int:
        """A descriptor that can be listed, given away and synced."""
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.descriptor)

    def give(self, user: int, group: int, mode: int) -> None:
        """The folder's own owner and mode."""
        opened = self.reopened()
        try:
            os.fchown(opened, user, group)
            os.fchmod(opened, mode)
        finally:
            os.close(opened)

    def open_file(self, name: str) -> int:
        """A descriptor to read a plain file; a FIFO cannot keep us waiting.

        Raises:
            FileNotFoundError: there is none.
            Unsafe: a link, no plain file, or one that has a second name elsewhere.
        """
        try:
            opened = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.descriptor
            )
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _unsafe("a link, which is not followed", self.place(name)) from None
            raise type(error)(error.errno, error.strerror, self.place(name)) from None
        try:
            self._require_plain(os.fstat(opened), name)
        except OSError:
            os.close(opened)
            raise
        return opened

    def _require_plain(self, known: os.stat_result, name: str) -> None:
        if not stat.S_ISREG(known.st_mode):
            raise _unsafe("not a plain file", self.place(name))
        if known.st_nlink > 1 and not self.ours and known.st_uid != self.known.st_uid:
            raise _unsafe("a second name of another user's file", self.place(name))

    def read(self, name: str, limit: int = _FILE_LIMIT, end: bool = False) -> Optional[PlainFile]:
        """A file of this folder; None where there is none. With `end` the last `limit` bytes of a larger one.

        Raises:
            Unsafe: see `open_file`; or it is larger than `limit` bytes.
        """
        try:
            opened = self.open_file(name)
        except FileNotFoundError:
            return None
        with os.fdopen(opened, "rb") as file:
            known = os.fstat(opened)
            if end:
                file.seek(max(0, known.st_size - limit))
            data = file.read(limit if end else limit + 1)
        if len(data) > limit:
            raise _unsafe("larger than %d bytes" % limit, self.place(name))
        return PlainFile(data, known)

    def write(self, name: str, data: bytes, owner: Optional[tuple[int, int]], mode: int) -> None:
        """The file, whole or not at all, never readable to more than it should be; what had its name is gone.

        Its owner and mode are set by its descriptor, before it has its name.
        """
        new = ".pgdeploy-" + secrets.token_hex(8)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(new, flags, 0o600, dir_fd=self.descriptor), "wb") as file:
                file.write(data)
                file.flush()
                if owner is not None:
                    os.fchown(file.fileno(), *owner)
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.replace(new, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except BaseException as error:
            self.remove(new)
            if isinstance(error, OSError):
                raise type(error)(error.errno, error.strerror, self.place(name)) from None
            raise

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def clear(self, name: str) -> None:
        """Remove what has this name, a folder with all that is in it; what a link leads to stays."""
        known = self.look(name)
        if known is None or not stat.S_ISDIR(known.st_mode):
            self.remove(name)
            return
        with self.enter(name) as below:
            below.empty()
        os.rmdir(name, dir_fd=self.descriptor)

    def empty(self) -> None:
        for name in self.names():
            self.clear(name)


def _for_others(known: os.stat_result) -> bool:
    """Whether more than the owner may write there."""
    by_group = known.st_mode & stat.S_IWGRP and known.st_gid not in (0, os.getegid())
    return bool(known.st_mode & stat.S_IWOTH or by_group)


def _unsafe(why: str, path: str) -> Unsafe:
    return Unsafe(errno.EPERM, why, path)


def open_folder(path: str, make: bool = False) -> Folder:
    """A folder by its path; with `make` what is missing on the way is made.

    Raises:
        FileNotFoundError, NotADirectoryError: it is not there, or no folder.
        Unsafe: another user's link is on the way.
    """
    ahead = [name for name in os.path.abspath(path).split("/") if name][::-1]
    folder, links = Folder(os.open("/", _PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC), "/", True), 0
    while ahead:
        with folder:
            name = ahead.pop()
            known = folder.look(name)
            if known is not None and stat.S_ISLNK(known.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                # from the root once more: only what is ours was passed so far, and `..` is a name like others
                ahead += [name for name in folder.target(name).split("/") if name][::-1]
                below = Folder(os.open("/", _PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC), "/", True)
            else:
                if known is None and make:
                    folder.make(name)
                below = folder.enter(name)
        folder = below
    return folder


def read_file(path: str, limit: int = _FILE_LIMIT, end: bool = False) -> Optional[PlainFile]:
    """A file by its path, as `Folder.read` gives it. A link is followed where it is ours.

    Raises:
        Unsafe: another user could have led us there.
    """
    for _ in range(_MOST_LINKS):
        try:
            folder = open_folder(os.path.dirname(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        with folder:
            name = os.path.basename(path)
            known = folder.look(name)
            if known is None or not stat.S_ISLNK(known.st_mode):
                return folder.read(name, limit, end)
            path = folder.target(name)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
