"""Files that hold a secret: sent over stdin, never in argv, in a diff or in any output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pyinfra.api import StringCommand, operation

from pgdeploy.layers.host.file import HostFile
from pyinfra_deploys.this import ensure


@operation()
def placed(secrets: Sequence[HostFile]) -> Iterator[StringCommand]:
    """The files with their secrets. They are compared on the host, which says no more than whether they differ."""
    files = [asdict(file) for file in secrets]
    yield from ensure("place", {"files": files})
