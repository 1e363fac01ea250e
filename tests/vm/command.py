"""`pgdeploy` as people run it: in a process of its own, with nothing of this one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.program import pgdeploy
from tests.vm.site import SECRET

ROOT = Path(__file__).parent.parent.parent


INTERRUPTIBLE = ("env", "--default-signal=INT")
"""Before a command: a shell's background jobs, and so all that they start, would ignore an interrupt."""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Little more than a path and the token's secret."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        SECRET: os.environ.get(SECRET, ""),
        **more,
    }


def start(folder: Path, *arguments: str, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`pgdeploy` with these arguments, its output to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "pgdeploy", *arguments],
        cwd=folder,
        env=environment(folder, **(more or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    folder: Path, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same, to its end, which comes soon; it is no process of that name."""
    return pgdeploy(*arguments, cwd=folder, env=environment(folder, **(more or {})), timeout=60)


def watched(
    folder: Path, *arguments: str, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same in a process that has the whole command in its list of arguments."""
    with start(folder, *arguments, more=more) as process:
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
