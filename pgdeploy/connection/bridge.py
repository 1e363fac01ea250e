"""Reach a server's own Unix socket on another host, as the OS user postgres, by peer authentication.

Nothing is opened on the network and no password is sent. Each database connection is one command (over ssh,
into a container) that runs a few lines of Python on the host, between the server's socket and ours.
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

from pgdeploy.connection.libpq import environment_of_children, isolated, take_environment
from pgdeploy.connection.server import MAINTENANCE, Server
from pgdeploy.errors import TargetError
from pgdeploy.signals import finishing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

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

_NOISE = ("ControlSocket ", "mux_client_", "Warning: Permanently added", "Shared connection to ")
"""Begin the lines in which ssh says that it shares no login this time; that is no failure."""


class BridgeServer(Server):
    """A server behind a command that `_command` gives; subclasses say which.

    `address` is what messages call it.
    """

    def __init__(self, address: str) -> None:
        take_environment()
        self.address = address
        self._folder = Path(tempfile.mkdtemp(prefix="pgdeploy-bridge-"))
        self._said = self._folder / "stderr"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / ".s.PGSQL.5432"))
        self._listener.listen(16)
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _command(self) -> Sequence[str]:
        """What bridges one connection between its stdin and stdout and the server's socket."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """What comes before the first connection; raises TargetError."""

    def _way_in(self, user: str | None, application_name: str) -> dict[str, object]:
        return isolated(
            {
                "host": str(self._folder),
                "user": user or OS_USER,
                "dbname": MAINTENANCE,
                "application_name": application_name,
                "connect_timeout": 3 * CONNECT_TIMEOUT,
            }
        )

    def _session(
        self, options: dict[str, object], *, configured: bool
    ) -> psycopg.Connection[tuple[object, ...]]:
        self._prepare()
        try:
            return super()._session(options, configured=configured)
        except TargetError as error:
            # when the command or the bridge failed, theirs is the word that helps, not libpq's
            raise TargetError(
                f"{self.address}: {said}" if (said := self._last_word()) else str(error)
            ) from error

    def close(self) -> None:
        with finishing():
            # close alone leaves the thread in accept(), on a number that the next listener may get
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(CONNECT_TIMEOUT)
            self._listener.close()
            for session in self._sessions:
                session.terminate()
                session.wait()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _serve(self) -> None:
        """One command for each connection of ours; the socket is its input and output."""
        with contextlib.suppress(OSError):  # closed
            while True:
                ours, _ = self._listener.accept()
                with ours, self._said.open("ab") as errors:
                    end = ours.fileno()
                    environment = environment_of_children()
                    self._sessions.append(
                        subprocess.Popen(
                            self._command(), stdin=end, stdout=end, stderr=errors, env=environment
                        )
                    )

    def _last_word(self) -> str:
        with contextlib.suppress(OSError):
            said = last_word(self._said.read_text(errors="replace"))
            missing = f"user {OS_USER} does not exist" in said
            return f"{said}; no PostgreSQL is installed there: pgdeploy up deploys one" if missing else said
        return ""


def bridge(socket_path: str) -> list[str]:
    """The bridge as a command on the host, to be run as OS_USER."""
    return ["python3", "-c", _BRIDGE, socket_path]


def bridge_over_shell(socket_path: str) -> str:
    """The same for a shell of any user that may become OS_USER."""
    command = shlex.join(bridge(socket_path))
    return (
        f'if [ "$(id -un)" = {OS_USER} ]; then exec {command}; '
        f'elif [ "$(id -u)" = 0 ]; then exec runuser -u {OS_USER} -- {command}; '
        f"else exec sudo -n -u {OS_USER} -- {command}; fi"
    )


def last_word(said: str, lines: int = 2) -> str:
    """The last lines of what a program said on stderr, in one."""
    known = [line.strip() for line in said.splitlines()]
    return "; ".join([line for line in known if line and not line.startswith(_NOISE)][-lines:])
