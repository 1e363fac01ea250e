"""Write a file of the operator's: whole or not at all, and open to nobody whom it was closed to.

A new file has the mode of the umask; one that was there keeps its own, or becomes 0600 where it was another user's.
The new text takes the old one's place in one step, so that a full disk leaves the old file. A link of the operator's
or of root's is followed, one of another user is refused. Devices and pipes are written to.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40


def write_file(file: Path, text: str) -> None:
    """Raises OSError, which names the file."""
    try:
        place = _behind_links(file)
        if _is_device(place):
            place.write_text(text, encoding="utf-8")
        else:
            _replace(place, text)
    except OSError as error:
        # a full disk does not say which file
        error.filename, error.filename2 = str(file), None
        raise


def require_writable(file: Path) -> None:
    """Raises OSError when the file could not be written, as far as that shows before."""
    place = _behind_links(file)
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a directory", str(file))
    if not _is_device(place):
        descriptor, new = _beside(place, 0o600)
        os.close(descriptor)
        new.unlink()


def _behind_links(file: Path) -> Path:
    for _ in range(_MOST_LINKS):
        try:
            status = file.lstat()
        except FileNotFoundError:
            return file
        if not stat.S_ISLNK(status.st_mode) or _is_of_the_kernel(file):
            return file
        if status.st_uid not in (0, os.geteuid()):
            raise PermissionError(errno.EPERM, "is a symbolic link of another user")
        file = file.parent / file.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _is_of_the_kernel(file: Path) -> bool:
    """Whether it is `/dev/stdout` or the like: what stands behind it is open already."""
    folder = os.path.realpath(file.parent)
    return folder == "/dev" or folder.startswith("/proc/")


def _is_device(place: Path) -> bool:
    return _is_of_the_kernel(place) or (place.exists() and not place.is_file())


def _replace(place: Path, text: str) -> None:
    old = place.stat() if place.exists() else None
    descriptor, new = _beside(place, 0o666 if old is None else 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if old is not None:
                os.fchmod(descriptor, _mode(descriptor, old))
            os.fsync(descriptor)
        new.replace(place)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _beside(place: Path, mode: int) -> tuple[int, Path]:
    """A new file in the same folder, so that replacing is one step."""
    if not place.parent.exists():
        raise FileNotFoundError(errno.ENOENT, f"the folder {place.parent} does not exist", str(place))
    new = place.with_name(f".pgdeploy-{secrets.token_hex(8)}")
    return os.open(new, _NEW, mode), new


def _mode(descriptor: int, old: os.stat_result) -> int:
    """The old file's mode; where its group cannot be kept, without the group's rights; another user's is ours now."""
    if old.st_uid != os.geteuid():
        return 0o600
    mode = stat.S_IMODE(old.st_mode) & 0o777
    if old.st_gid == os.fstat(descriptor).st_gid:
        return mode
    try:
        os.fchown(descriptor, -1, old.st_gid)
    except PermissionError:
        return mode & ~0o070
    return mode
