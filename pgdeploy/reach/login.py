"""One ssh login that everything on a host shares (ControlMaster): database connections and commands.

Two ssh commands that start at the same moment would both log in, and one would complain that the other was
first. So whoever comes first opens the login apart, and the rest waits for it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from pgdeploy.errors import TargetError
from pgdeploy.local.signals import finishing
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.server_message import last_word

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECT_TIMEOUT = 10
"""Seconds until a host that does not answer is given up."""
PERSIST = 60
"""Seconds that an idle login stays open."""


class SshWay(NamedTuple):
    """What ssh calls the host, and its options."""

    host: str
    options: list[str]


class Login:
    """The login to one host, made when first asked for. Close it when done."""

    def __init__(self, host: str, options: Sequence[str]) -> None:
        self.host = host
        self.address = f"{host} (ssh)"
        self._folder = Path(tempfile.mkdtemp(prefix="pgdeploy-ssh-"))
        self._socket = self._folder / "c"
        self._lock = threading.Lock()
        # where the login cannot be shared, each command logs in by itself
        self.options = [
            *("-o", "ControlMaster=auto", "-o", f"ControlPath={self._socket}"),
            *("-o", f"ControlPersist={PERSIST}"),
            *options,
        ]
        """ssh's options for a command that shares the login."""

    def open(self) -> None:
        """Log in, unless somebody of ours is.

        Raises:
            TargetError: ssh fails; its own words.
        """
        with self._lock:
            if self._socket.exists():
                return
            # a file, not a pipe: the login that stays behind would keep a pipe open
            said = self._folder / "login"
            with said.open("wb") as errors:
                done = self._ssh("-f", "-N", stderr=errors)
            reason = last_word(said.read_text(errors="replace"))
        if done != 0:
            raise TargetError(f"{self.address}: {reason or f'ssh failed with exit status {done}'}")

    def close(self) -> None:
        with finishing():
            if self._socket.exists():
                self._ssh("-O", "exit", stderr=subprocess.DEVNULL)
            shutil.rmtree(self._folder, ignore_errors=True)

    def command(self, remote: str) -> list[str]:
        """The command that runs `remote`, which is for a shell, on the host."""
        return ["ssh", "-T", *self.options, "--", self.host, remote]

    def _ssh(self, *flags: str, stderr: IO[bytes] | int) -> int:
        command = ["ssh", *flags, *self.options, "--", self.host]
        try:
            return subprocess.run(
                command,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env=environment_of_children(),
            ).returncode
        except OSError as error:
            raise TargetError(f"{self.address}: cannot run ssh: {error.strerror}") from error


def ssh_options(
    *,
    user: str | None = None,
    port: int | None = None,
    key: str | None = None,
    known_hosts: str | None = None,
    config: str | None = None,
) -> list[str]:
    """ssh's options: never a question, never an unknown host."""
    options = [
        *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"),
        *("-o", f"ConnectTimeout={CONNECT_TIMEOUT}"),
    ]
    for flag, value in (("-F", config), ("-l", user), ("-p", port), ("-i", key)):
        if value is not None:
            options += [flag, str(value)]
    if known_hosts is not None:
        options += ["-o", f"UserKnownHostsFile={known_hosts}"]
    return options


def effective(host: str, options: Sequence[str]) -> dict[str, list[str]]:
    """What ssh itself makes of options and its files, by `ssh -G`: each key's values, in order.

    Raises:
        TargetError: ssh cannot make sense of them.
    """
    try:
        done = subprocess.run(
            ["ssh", "-G", *options, "--", host],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment_of_children(),
        )
    except OSError as error:
        raise TargetError(f"cannot run ssh: {error.strerror}") from None
    if done.returncode:
        raise TargetError(f"ssh cannot make sense of its options: {done.stderr.strip()}")
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key, []).append(value)
    return found
