"""Reach a server over ssh: its own Unix socket, as the OS user postgres, by peer authentication.

Nothing is opened on the network and no password is sent. Each database connection is one ssh session that
runs a few lines of Python on the host, between the server's socket and ours; they share one login
(ControlMaster). TCP forwarding may be off on the host. Host keys are checked; an unknown host is refused.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.connection.dsn import connect
from pgdeploy.connection.server import MAINTENANCE, Server
from pgdeploy.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from pgdeploy.secret import Secret

OS_USER = "postgres"
CONNECT_TIMEOUT = 10
"""Seconds until a host that does not answer is given up."""

# Runs on the host: from our side of the session to the server's socket and back, until either ends.
_BRIDGE = """
import os, select, socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
except OSError as e:
    sys.exit("no PostgreSQL at " + sys.argv[1] + ": " + e.strerror)
while True:
    for r in select.select([0, s], [], [])[0]:
        d = os.read(0, 65536) if r == 0 else s.recv(65536)
        if not d:
            sys.exit(0)
        if r == 0:
            s.sendall(d)
        else:
            while d:
                d = d[os.write(1, d):]
"""


class SshServer(Server):
    """A server on a host that ssh reaches.

    `options` are ssh's own, as `ssh_options` makes them from a spec; `socket_path` is the server's socket there.
    """

    def __init__(self, host: str, options: Sequence[str], socket_path: str) -> None:
        self.address = f"{host} (ssh)"
        self._folder = Path(tempfile.mkdtemp(prefix="pgdeploy-ssh-"))
        self._control = [
            "-o",
            "ControlMaster=auto",
            "-o",
            f"ControlPath={self._folder}/c",
            "-o",
            "ControlPersist=60",
        ]
        self._host = [*options, "--", host]
        self._command = ["ssh", "-T", *self._control, *self._host, _remote(socket_path)]
        self._said = self._folder / "stderr"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / ".s.PGSQL.5432"))
        self._listener.listen(16)
        self._sessions: list[subprocess.Popen[bytes]] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def open(
        self, database: str | None = None, *, user: str | None = None, password: Secret | None = None
    ) -> psycopg.Connection[tuple[object, ...]]:
        options: dict[str, object] = {
            "host": str(self._folder),
            "user": user or OS_USER,
            "dbname": database or MAINTENANCE,
            "application_name": "pgdeploy",
            "connect_timeout": 3 * CONNECT_TIMEOUT,
        }
        if password is not None:
            options["password"] = password.reveal()
        try:
            return connect(self.address, options)
        except TargetError as error:
            # when ssh or the bridge failed, theirs is the word that helps, not libpq's
            raise TargetError(
                f"{self.address}: {said}" if (said := self._last_word()) else str(error)
            ) from error

    def close(self) -> None:
        self._listener.close()
        for session in self._sessions:
            session.terminate()
            session.wait()
        subprocess.run(
            ["ssh", *self._control, "-O", "exit", *self._host],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        """One ssh session for each connection of ours; the socket is its input and output."""
        with contextlib.suppress(OSError):  # closed
            while True:
                ours, _ = self._listener.accept()
                with ours, self._said.open("ab") as errors:
                    end = ours.fileno()
                    self._sessions.append(
                        subprocess.Popen(self._command, stdin=end, stdout=end, stderr=errors)
                    )

    def _last_word(self) -> str:
        with contextlib.suppress(OSError):
            lines = [line for line in self._said.read_text(errors="replace").splitlines() if line.strip()]
            return "; ".join(lines[-2:])
        return ""


def _remote(socket_path: str) -> str:
    """The command on the host: the bridge, as the OS user that peer authentication knows."""
    bridge = f"python3 -c {shlex.quote(_BRIDGE)} {shlex.quote(socket_path)}"
    return (
        f'if [ "$(id -un)" = {OS_USER} ]; then exec {bridge}; '
        f'elif [ "$(id -u)" = 0 ]; then exec runuser -u {OS_USER} -- {bridge}; '
        f"else exec sudo -n -u {OS_USER} -- {bridge}; fi"
    )


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
        "-o",
        "BatchMode=yes",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        f"ConnectTimeout={CONNECT_TIMEOUT}",
    ]
    for flag, value in (("-F", config), ("-l", user), ("-p", port), ("-i", key)):
        if value is not None:
            options += [flag, str(value)]
    if known_hosts is not None:
        options += ["-o", f"UserKnownHostsFile={known_hosts}"]
    return options
