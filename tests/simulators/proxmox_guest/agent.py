"""The guest agent's protocol: one line of JSON there, one back."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.simulators.proxmox.guest import AgentAbsent, AgentError, NoSuchFile

TIMEOUT = 10.0
"""Seconds; Proxmox itself waits three for most commands."""

_PIECE = 65536


class Agent:
    """The agent behind this socket. It hears one caller at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()

    def ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """What the agent gives as `return`.

        Raises:
            AgentAbsent: it does not answer.
            AgentError: it answers that it cannot.
        """
        with self._turn:
            try:
                return self._ask(command, arguments)
            except (OSError, EOFError) as error:
                raise AgentAbsent(str(error)) from error

    def read(self, path: str) -> bytes:
        """The whole of a file.

        Raises:
            NoSuchFile: there is none.
        """
        try:
            handle = self.ask("guest-file-open", {"path": path, "mode": "r"})
        except AgentError as error:
            if "No such file" in str(error):
                raise NoSuchFile(path) from error
            raise
        try:
            return b"".join(iter(lambda: self._piece(handle), b""))
        finally:
            self.ask("guest-file-close", {"handle": handle})

    def _piece(self, handle: object) -> bytes:
        piece = self.ask("guest-file-read", {"handle": handle, "count": _PIECE})
        assert isinstance(piece, dict)
        return base64.b64decode(piece["buf-b64"])

    def _ask(self, command: str, arguments: Mapping[str, object]) -> object:
        question = {"execute": command, **({"arguments": dict(arguments)} if arguments else {})}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(self._path))
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile() as lines:
                line = lines.readline()
        if not line.endswith("\n"):
            raise EOFError("the agent hung up")
        answer = json.loads(line)
        if "error" in answer:
            raise AgentError(answer["error"]["desc"])
        return answer["return"]
