"""Containers whose pgdeploy was killed before it could remove them: the next one does."""

from __future__ import annotations

import os
import platform

from pgdeploy.gate.container.docker import attempt, docker

OWNER = "pgdeploy.owner"
"""The label of a throw-away: machine and process that it belongs to."""


def owner() -> str:
    return f"{platform.node()}:{os.getpid()}"


def remove_stale() -> None:
    """Remove what processes of this machine left that are no more."""
    listed = docker(
        "ps", "-a", "--filter", f"label={OWNER}", "--format", f'{{{{.Names}}}} {{{{.Label "{OWNER}"}}}}'
    )
    for line in listed.splitlines():
        name, _, whose = line.partition(" ")
        machine, _, process = whose.rpartition(":")
        if machine == platform.node() and not _lives(int(process)):
            attempt("rm", "-f", "-v", name)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
