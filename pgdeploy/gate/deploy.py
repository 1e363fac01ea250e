"""Deploy a target: pyinfra makes its host and server as the spec says.

pyinfra patches the process that it runs in (gevent), so it has one of its own. Secrets reach it by the
environment alone.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.gate.target import SPECS, SPECS_ROOT, SSH_CONFIG
from pgdeploy.local.signals import ended_with_us

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target

THROW_AWAY = "PGDEPLOY_THROW_AWAY"
"""Environment variable, set for a host that stands in for the real one, which it need not be as big as."""
LAST_LINES = 15
"""As much of what pyinfra says is told when it fails."""

_STEP = re.compile(r"Starting operation: ([^|]*[^|\s])\s*\|")
"""A step of pg01.py, as pyinfra begins its operations."""


def deploy(
    target: Target, ssh_config: Path | None, note: Callable[[str], None], *, throw_away: bool = False
) -> None:
    """Run pyinfra for this target; `note` is told when it begins. A throw-away host need not be as big as the real one.

    Raises:
        MissingExtra: pyinfra is not installed.
        TargetError: the spec has no host to deploy, or pyinfra fails; with the last lines of its output.
    """
    require_host(target, reached=ssh_config is not None)
    command = _command(target)
    note(f"deploying {target.name} with pyinfra")
    said: deque[str] = deque(maxlen=LAST_LINES)
    with (
        subprocess.Popen(
            command,
            env=_environment(target, ssh_config, throw_away),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            # with what it starts itself: a `pgdeploy apply` must not go on when pyinfra is gone
            process_group=0,
        ) as running,
        ended_with_us(running),
    ):
        _follow(running, said, lambda step: note(f"deploying {target.name}: {step}"))
    if running.returncode != 0:
        raise TargetError(f"deploying {target.name} failed:", *(f"  | {line}" for line in said))


def _follow(running: subprocess.Popen[str], said: deque[str], begins: Callable[[str], None]) -> None:
    """Keep the last of what pyinfra says, and tell of each step that begins, until it ends."""
    step = ""
    for line in running.stdout or ():
        if line.strip():
            said.append(line.rstrip())
        if (found := _STEP.search(line)) and found[1] != step:
            step = found[1]
            begins(step)
    running.wait()


def require_host(target: Target, *, reached: bool) -> None:
    """Raises TargetError when the spec lacks what a deploy needs; `reached`: the way there need not be in it."""
    spec = target.spec
    reached = reached or spec.ssh is not None
    lacking = "`host:`" if spec.host is None else "`connect: {ssh: ...}`"
    if spec.host is None or not reached:
        raise TargetError(f"{target.file}: there is no host to deploy: write {lacking}")


def _command(target: Target) -> list[str]:
    if find_spec("pyinfra") is None:
        raise MissingExtra("host", "deploying a host")
    found = find_spec("pyinfra_deploys")
    if found is None or not found.submodule_search_locations:
        raise TargetError("the package pyinfra_deploys, which comes with pgdeploy, is not installed")
    folder = Path(found.submodule_search_locations[0])
    files = [str(folder / "targets.py"), str(folder / "pg01.py")]
    return [sys.executable, "-m", "pyinfra", *files, "--limit", target.name, "-y"]


def _environment(target: Target, ssh_config: Path | None, throw_away: bool) -> dict[str, str]:
    known = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        SPECS: str(target.file.absolute().parent),
        SPECS_ROOT: str(target.loaded.root.absolute()),
    }
    if ssh_config is not None:
        known[SSH_CONFIG] = str(ssh_config.absolute())
    if throw_away:
        known[THROW_AWAY] = "1"
    return known
