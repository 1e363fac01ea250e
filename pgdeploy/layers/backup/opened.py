"""A backup that is read: whole, decrypted, and kept for as long as that takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.layers.backup.age import decrypted
from pgdeploy.layers.backup.repository import Repository

if TYPE_CHECKING:
    from pgdeploy.layers.backup.manifest import Manifest
    from pgdeploy.model.backup import DumpSpec


@contextmanager
def opened(backup: Manifest, section: DumpSpec) -> Iterator[Path]:
    """The folder of its files as they were dumped.

    Raises:
        MissingExtra, SecretError: as `decrypted` does.
        TargetError: it was removed meanwhile, is damaged, or cannot be decrypted.
    """
    repository = Repository(section.repository.path)
    with repository.in_use(backup.label) as kept:
        repository.require_whole(backup)
        with decrypted(backup, kept, section) as plain:
            yield plain
