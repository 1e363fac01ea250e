"""ssh-keygen, which makes keys and looks after files of host keys."""

from __future__ import annotations

import subprocess

from pgdeploy.errors import TargetError
from pgdeploy.reach.libpq import environment_of_children


def keygen(*arguments: str, may_fail: bool = False) -> str:
    """What it prints.

    Raises:
        TargetError: it is not there, or fails; its own words.
    """
    try:
        done = subprocess.run(
            ["ssh-keygen", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=environment_of_children(),
        )
    except OSError as error:
        raise TargetError(f"cannot run ssh-keygen: {error.strerror}") from None
    if done.returncode and not may_fail:
        raise TargetError(f"ssh-keygen failed: {done.stderr.strip()}")
    return done.stdout
