"""Wait for a guest as whoever started it must: by asking its agent, and only that."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.simulators.proxmox.guest import RESULT, AgentAbsent, Guest, NoSuchFile

TIMEOUT = 60


def booted(guest: Guest) -> Any:
    """What cloud-init says when it has finished."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            content = guest.agent("guest-file-read", {"path": RESULT})
        except (AgentAbsent, NoSuchFile):
            time.sleep(0.1)
        else:
            assert isinstance(content, bytes)
            return json.loads(content)["v1"]
    raise AssertionError(f"cloud-init has not finished after {TIMEOUT} s")
