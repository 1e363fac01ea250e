"""Write one of the spec's files; `--diff` shows what changes. For files without a secret.

pyinfra's own `files.put` goes by path, and by a name in /tmp that others can foresee: not as root.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from difflib import unified_diff

from pyinfra import logger
from pyinfra.api import StringCommand, operation
from pyinfra.api.operation import OperationMeta
from pyinfra.context import host, state

from pgdeploy.layers.host.file import HostFile
from pyinfra_deploys.this import Unanswered, ask, command, ensure


def put(file: HostFile, name: str) -> OperationMeta:
    """The file as the spec has it, with its owner and mode."""
    return written(file, name=name)


@operation()
def written(file: HostFile) -> Iterator[StringCommand]:
    """The file, whole or not at all."""
    question = {"files": [asdict(file)], "texts": True}
    try:
        found = ask("place", {**question, "make": False})
    except Unanswered:
        # making is what fails, on this host alone and with the same words
        yield command("place", {**question, "make": True})
        return
    if found["differs"]:
        if state.config.DIFF:
            _show(file, found["texts"][file.path])
        yield command("place", {**question, "make": True})


def _show(file: HostFile, was: str) -> None:
    for line in unified_diff(was.splitlines(), file.text.splitlines(), file.path, file.path, lineterm=""):
        logger.info(f"{host.print_prefix}  {line}")


@operation()
def folder(file: HostFile) -> Iterator[StringCommand]:
    """A folder with its owner and mode, made if missing."""
    question = {"path": file.path, "owner": file.owner, "group": file.group, "mode": file.mode}
    yield from ensure("folder", question)
