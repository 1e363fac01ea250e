"""Write one of the spec's files by pyinfra's own `files.put`: `--diff` shows what changes, none holds a secret."""

from __future__ import annotations

from io import StringIO

from pyinfra.api.operation import OperationMeta
from pyinfra.operations import files

from pgdeploy.resources.host.file import HostFile


def put(file: HostFile, name: str) -> OperationMeta:
    """The file as the spec has it, with its owner and mode."""
    return files.put(
        name=name,
        src=StringIO(file.text),
        dest=file.path,
        user=file.owner,
        group=file.group,
        mode=file.mode,
    )
