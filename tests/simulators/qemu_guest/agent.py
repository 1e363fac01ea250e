"""The guest agent behind a virtio port: who was asked in vain still gets the question, and answers it later."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.simulators.proxmox.guest import AgentAbsent, AgentError
from tests.simulators.proxmox_guest.agent import Agent

SYNC = 3.0
"""Seconds that the agent has to show that it is there, as Proxmox gives it."""
ANSWER = 30.0

_numbers = itertools.count(1)


class PortAgent(Agent):
    """The agent behind this socket of QEMU. Each question begins with a sync, as Proxmox's do."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._socket = path
        self._one = threading.Lock()

    def ask(self, command: str, arguments: Mapping[str, object]) -> object:
        """What the agent gives as `return`.

        Raises:
            AgentAbsent: it does not answer.
            AgentError: it answers that it cannot.
        """
        with self._one:
            try:
                answer = self._exchange(command, arguments)
            except (OSError, EOFError) as error:
                raise AgentAbsent(str(error)) from error
        if "error" in answer:
            raise AgentError(answer["error"]["desc"])
        return answer["return"]

    def _exchange(self, command: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SYNC)
            connection.connect(str(self._socket))
            with connection.makefile("rb") as lines:
                number = next(_numbers)
                connection.sendall(b"\xff" + _line("guest-sync-delimited", {"id": number}))
                while _answer(lines.readline()).get("return") != number:
                    pass
                connection.settimeout(ANSWER)
                connection.sendall(_line(command, arguments))
                return _answer(lines.readline())


def _line(command: str, arguments: Mapping[str, object]) -> bytes:
    question = {"execute": command, **({"arguments": dict(arguments)} if arguments else {})}
    return json.dumps(question).encode() + b"\n"


def _answer(line: bytes) -> dict[str, Any]:
    """What is before the mark of a sync is the rest of another caller's answer."""
    if not line.endswith(b"\n"):
        raise EOFError("the agent hung up")
    try:
        read: dict[str, Any] = json.loads(line.rpartition(b"\xff")[2])
    except ValueError:
        return {}
    return read
