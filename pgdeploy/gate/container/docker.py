"""The docker program: what it answers, and what its failures mean."""

from __future__ import annotations

import subprocess

from pgdeploy.errors import TargetError
from pgdeploy.reach.libpq import environment_of_children


def docker(*arguments: str, stdin: str = "") -> str:
    """What `docker ...` prints.

    Raises:
        TargetError: there is no docker, its engine does not answer, or the command fails; one line.
    """
    done = attempt(*arguments, stdin=stdin)
    if done.returncode != 0:
        raise TargetError(f"docker {arguments[0]}: {reason(done)}")
    return done.stdout.strip()


def attempt(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The same, where a failure is an answer too.

    Raises:
        TargetError: there is no docker.
    """
    try:
        return subprocess.run(
            ["docker", *arguments],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
            env=environment_of_children(),
        )
    except OSError as error:
        raise TargetError(f"a container needs docker, and it cannot be run: {error.strerror}") from None


def require_engine() -> None:
    """Raises TargetError when no Docker engine answers."""
    done = attempt("version", "--format", "{{.Server.Version}}")
    if done.returncode != 0:
        raise TargetError(f"a container needs a Docker engine: {reason(done)}")


def reason(done: subprocess.CompletedProcess[str]) -> str:
    """Why it failed: the last line that it said."""
    lines = [line.strip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    return lines[-1] if lines else f"exit status {done.returncode}"
