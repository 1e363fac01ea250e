"""The deployment record on the host: who, when, from which spec, with which packages. The gate reads it."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pyinfra.api import StringCommand, deploy, operation

from pgdeploy import __version__
from pgdeploy.layers.host.deployment import RECORD
from pyinfra_deploys.this import ensure, layout, target

STARTED = time.monotonic()
"""When this run began: pyinfra imports the steps first of all."""


@deploy("Deployment record")
def record() -> None:
    """Written when something changed: another spec, other packages."""
    recorded(name=f"The deployment record, {RECORD}")


@operation()
def recorded() -> Iterator[StringCommand]:
    """The record, unless it says the same already but for the time."""
    question = {"path": RECORD, "record": _record()}
    yield from ensure("record", question)


def _record() -> dict[str, Any]:
    return {
        "schema": 1,
        "target": target().name,
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": f"{getpass.getuser()}@{socket.gethostname()}",
        "spec": target().loaded.digest,
        "pgdeploy": __version__,
        "packages": list(layout().packages),
        "seconds": round(time.monotonic() - STARTED, 1),
    }
