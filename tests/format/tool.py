"""Programs that read the files: the parsers that count."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def need(program: str) -> str:
    """Where a program is, else a skip with the reason; in CI a failure."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        missing = f"{program} is not on this machine"
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def said(*command: str | Path, allowed: tuple[int, ...] = (0,), **environment: str) -> str:
    """What a program says on both streams, as UTF-8."""
    done = subprocess.run(
        [need(str(command[0])), *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    text = done.stdout.decode(errors="replace")
    assert done.returncode in allowed, text
    return text
