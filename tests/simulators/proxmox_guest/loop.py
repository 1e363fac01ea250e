"""A disk: a sparse file without a name on a loop device.

Both go when the last process that has them open ends, whether it was told to or killed: nothing is to be removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import tempfile
from typing import Final

from pgdeploy.errors import TargetError

_CONTROL = "/dev/loop-control"

# linux/loop.h
_SET_FD: Final = 0x4C00
_SET_STATUS: Final = 0x4C04
_SET_CAPACITY: Final = 0x4C07
_GET_FREE: Final = 0x4C82
_AUTOCLEAR: Final = 4
_INFO = struct.Struct("=5Q4I64s64s32s2Q")


class LoopDevice:
    """A disk of at least `size` bytes, empty at first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as this)
        self._file.truncate(size)
        try:
            self.number, self._device = _attach(self._file.fileno())
        except OSError as error:
            self._file.close()
            raise TargetError(f"a disk needs a loop device, and there is none: {error}") from error

    def grow(self, size: int) -> None:
        """Disks become larger, never smaller."""
        if size > self.size:
            self._file.truncate(size)
            fcntl.ioctl(self._device, _SET_CAPACITY)
            self.size = size

    def close(self) -> None:
        """Let go of it; the kernel removes it when no file system on it is mounted any more."""
        os.close(self._device)
        self._file.close()


def why_no_loop_device() -> str:
    """Why this process cannot have one; nothing where it can."""
    if os.geteuid() != 0:
        return "a loop device needs root"
    if not os.path.exists(_CONTROL):  # noqa: PTH110
        return f"the kernel has no loop devices: no {_CONTROL}"
    return ""


def _attach(file: int) -> tuple[int, int]:
    """The number of a free device, now of this file, and the device opened."""
    control = os.open(_CONTROL, os.O_RDWR)
    try:
        while True:
            number = fcntl.ioctl(control, _GET_FREE)
            device = os.open(_node(number), os.O_RDWR)
            try:
                fcntl.ioctl(device, _SET_FD, file)
                # until the last of those who have it open lets go of it
                fcntl.ioctl(device, _SET_STATUS, _info(_AUTOCLEAR))
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # another process was quicker
                    raise
            else:
                return number, device
    finally:
        os.close(control)


def _info(flags: int) -> bytes:
    return _INFO.pack(0, 0, 0, 0, 0, 0, 0, 0, flags, b"pgdeploy-disk", b"", b"", 0, 0)


def _node(number: int) -> str:
    path = f"/dev/loop{number}"
    if not os.path.exists(path):  # noqa: PTH110  (where no udev and no devtmpfs makes them)
        os.mknod(path, stat.S_IFBLK | 0o660, os.makedev(7, number))
    return path
