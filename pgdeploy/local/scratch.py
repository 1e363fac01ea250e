"""Folders for what must not outlive a run; what a killed run left is removed by the next."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_YOUNG = 60.0
"""Seconds: so young a folder may be one that another run is about to lock."""


@contextmanager
def scratch_folder(purpose: str) -> Iterator[Path]:
    """A new folder for our user alone, until the end of the block; it also removes what killed runs left."""
    prefix = f"pgdeploy-{purpose}-"
    _remove_leftovers(prefix)
    with TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name, _locked(Path(name)):
        yield Path(name)


def _remove_leftovers(prefix: str) -> None:
    for folder in Path(gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):
            status = folder.lstat()
            if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _YOUNG:
                continue
            with _locked(folder):
                shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Raises OSError: another run has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
