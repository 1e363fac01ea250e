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

from pgdeploy.errors import TargetError
from pgdeploy.local.signals import finishing
from pgdeploy.reach.libpq import environment_of_children, isolated, take_environment
from pgdeploy.reach.login import CONNECT_TIMEOUT
from pgdeploy.reach.server import MACHINE, MAINTENANCE, ByTcp, Server
from pgdeploy.reach.server_message import last_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

OS_USER = "postgres"

# Runs on the host: from our side of the session to the server's socket (or its address, to which we come from that
# very address, so that it is known by which rule the server decides) and back, until either ends.
_BRIDGE = f"""
import os, select, socket, sys
a = sys.argv[1:]
try:
    if len(a) == 1:
        s = socket.socket(socket.AF_UNIX)
        s.connect(a[0])
    else:
        s = socket.create_connection((a[0], int(a[1])), {CONNECT_TIMEOUT}, (a[0], 0))
        s.settimeout(None)
except OSError as e:
    sys.exit("no PostgreSQL at " + ":".join(a) + ": " + (e.strerror or str(e)))
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


class BridgeServer(Server):
    """A server behind a command that `_command` gives; subclasses say which.

    `address` is what messages call it; `place` is the server's socket there, or an address of that host and a port.
    """

    program: tuple[str, ...] = ("python3", "-c", _BRIDGE)
    """What is between the server and us; the place is its argument."""

    def __init__(self, address: str, *place: str) -> None:
        take_environment()
        self.address = address
        self._bridge = [*self.program, *place]
        self._there: list[BridgeServer] = []
        self._folder = Path(tempfile.mkdtemp(prefix="pgdeploy-bridge-"))
        self._said = self._folder / "stderr"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / ".s.PGSQL.5432"))
        self._listener.listen(16)
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        """What runs the command `there`, on the host as OS_USER, with its own stdin and stdout."""
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

    def machine(self) -> str:
        self._prepare()
        command, shut = self._command(["cat", *MACHINE]), subprocess.DEVNULL
        with contextlib.suppress(subprocess.TimeoutExpired):  # then it shows nothing
            done = subprocess.run(
                command,
                stdin=shut,
                stdout=subprocess.PIPE,
                stderr=shut,
                env=environment_of_children(),
                timeout=CONNECT_TIMEOUT,
                check=False,
            )
            return done.stdout.decode(errors="replace")
        return ""

    def by_tcp(self, host: str, port: str) -> ByTcp:
        there = _There(self, host, port)
        self._there.append(there)
        return ByTcp(there, host, can_tls=False)  # libpq speaks TLS on no Unix socket

    def beside(self, socket_path: str) -> Server:
        return _There(self, socket_path)

    def close(self) -> None:
        for there in self._there:
            there.close()
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
                            self._command(self._bridge), stdin=end, stdout=end, stderr=errors, env=environment
                        )
                    )

    def _last_word(self) -> str:
        with contextlib.suppress(OSError):
            said = last_word(self._said.read_text(errors="replace"))
            missing = f"user {OS_USER} does not exist" in said
            return f"{said}; no PostgreSQL is installed there: pgdeploy up deploys one" if missing else said
        return ""


class _There(BridgeServer):
    """The same server by TCP from its own host, or another one beside it: reached as that one is."""

    def __init__(self, server: BridgeServer, *place: str) -> None:
        self._server = server
        self.program = server.program
        super().__init__(f"{':'.join(place)} of {server.address}", *place)

    def _prepare(self) -> None:
        self._server._prepare()

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        return self._server._command(there)


def as_os_user(there: Sequence[str]) -> str:
    """A command of OS_USER for a shell of any user that may become OS_USER."""
    command = shlex.join(there)
    return (
        f'if [ "$(id -un)" = {OS_USER} ]; then exec {command}; '
        f'elif [ "$(id -u)" = 0 ]; then exec runuser -u {OS_USER} -- {command}; '
        f"else exec sudo -n -u {OS_USER} -- {command}; fi"
    )
