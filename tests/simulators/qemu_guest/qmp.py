"""QEMU's own protocol: what its monitor is told."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from pgdeploy.errors import TargetError

TIMEOUT = 10.0


def tell(path: Path, command: str, **arguments: object) -> Any:
    """What QEMU behind this socket gives as `return`.

    Raises:
        TargetError: it refuses.
        OSError: it is not there.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT)
        connection.connect(str(path))
        with connection.makefile("rb") as lines:
            lines.readline()  # its greeting
            answer: dict[str, Any] = {}
            for name, words in (("qmp_capabilities", {}), (command, arguments)):
                connection.sendall(json.dumps({"execute": name, "arguments": words}).encode() + b"\n")
                answer = next((told for told in map(json.loads, lines) if "event" not in told), {})
                if "error" in answer:
                    raise TargetError(f"QEMU refuses {command}: {answer['error']['desc']}")
    return answer.get("return")
