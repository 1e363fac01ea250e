"""The SQL state: pgdeploy's own plan and apply, over ssh, as the OS user postgres by peer authentication.

They run in a process of their own: pyinfra patches sockets and threads of the one that it is in.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from pyinfra import logger
from pyinfra.api import FunctionCommand, Host, State, deploy, operation
from pyinfra.context import host

from pgdeploy.gate.target import SSH_CONFIG
from pyinfra_deploys.this import target

DIFFERENT = 2
"""The exit code of `pgdeploy plan` and `apply` for changes, or drift that stays."""


@deploy("SQL state")
def sql_state() -> None:
    """Roles, databases, privileges: all that a plan holds."""
    applied(name="Roles, databases and privileges, by pgdeploy apply")


@operation()
def applied() -> Iterator[FunctionCommand]:
    """Apply what the plan says now. What no change can remove is told, and left to the gate."""
    done = _pgdeploy("plan", "--json")
    if done.returncode not in (0, DIFFERENT):
        # the server is not there yet, or could not be read: apply will say which
        yield FunctionCommand(_apply, (), {})
        return
    plan: dict[str, Any] = json.loads(done.stdout)
    if any(change["risk"] == "safe" or _may_destroy() for change in plan["changes"]):
        yield FunctionCommand(_apply, (), {})
    elif left := _left(plan):
        logger.warning(f"{host.print_prefix}left as it is: {', '.join(left)}; pgdeploy plan says why")


def _may_destroy() -> bool:
    return bool(host.data.get("allow_destructive"))


def _left(plan: dict[str, Any]) -> list[str]:
    """Checks that stay red: no change of ours removes them, or only one that would lose something."""
    causes = [cause for change in plan["changes"] for cause in change["causes"]]
    return [*(finding["id"] for finding in plan["stuck"]), *causes]


def _apply(state: State, host: Host) -> bool:
    options = ["--allow-destructive"] if _may_destroy() else []
    # the host is not whole yet, and the gate comes when it is
    done = _pgdeploy("apply", "--yes", "--no-gate", *options)
    if done.returncode not in (0, DIFFERENT):
        logger.error(f"{host.print_prefix}{done.stderr.strip() or done.stdout.strip()}")
        return False
    # the statements, passwords masked, and what became of it
    for line in done.stdout.strip().splitlines():
        if line and not line.startswith("--"):
            logger.info(f"{host.print_prefix}{line}")
    return True


def _pgdeploy(verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    """`pgdeploy VERB` for this host's spec."""
    config = os.environ.get(SSH_CONFIG)
    words = [verb, str(target().file), *options, *(["--ssh-config", config] if config else [])]
    return subprocess.run(
        [sys.executable, "-m", "pgdeploy", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
