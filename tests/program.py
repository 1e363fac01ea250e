"""`pgdeploy` as people run it, forked from a process that has imported it: a new Python would import for half a second.

What watches a start, argv, signals or a terminal starts a Python of its own.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

_NAME = "tests.program"


def pgdeploy(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """What `pgdeploy` with these words prints and ends with; its input is empty."""
    context = get_context("forkserver")
    context.set_forkserver_preload([_NAME])
    command = [str(word) for word in words]
    with TemporaryDirectory(prefix="pgdeploy-program-") as home:
        out, err = Path(home, "out"), Path(home, "err")
        place, environment = str(cwd or Path.cwd()), dict(os.environ if env is None else env)
        running = context.Process(target=_run, args=(command, place, environment, str(out), str(err)))
        running.start()
        running.join(timeout)
        if running.exitcode is None:
            running.kill()
            raise subprocess.TimeoutExpired(command, timeout, out.read_text(), err.read_text())
        return subprocess.CompletedProcess(command, running.exitcode, out.read_text(), err.read_text())


def _run(words: list[str], place: str, environment: dict[str, str], out: str, err: str) -> None:
    from pgdeploy.cli import main

    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, out, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        (2, err, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    ):
        opened = os.open(name, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode) for number, mode in enumerate("rww"))
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["pgdeploy", *words]
    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _import_all() -> None:
    """In the process that is forked: the program's modules, without those that other processes run."""
    for module in pkgutil.walk_packages(importlib.import_module("pgdeploy").__path__, "pgdeploy."):
        if (
            not module.name.endswith("__main__")
            and ".child" not in module.name
            and ".on_host" not in module.name
        ):
            importlib.import_module(module.name)


if sys.argv[:1] == ["-c"] and "multiprocessing.forkserver" in sys.modules:
    _import_all()
