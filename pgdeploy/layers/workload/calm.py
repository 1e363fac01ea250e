"""Nothing runs on a server that is beyond a threshold of its spec: it is asked before, and while something runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.threshold.live import crossed

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

EVERY = 1.0
"""Seconds between two looks while something runs."""


class Calm:
    """Whether a server is; `require` is asked first, `keep` from then on."""

    def __init__(self, spec: Spec, server: Server) -> None:
        self._section, self._server = getattr(spec, "thresholds", None), server
        self._looked = time.monotonic()

    def require(self) -> None:
        """Raises TargetError, which names the threshold that is crossed."""
        if why := self._crossed():
            raise TargetError(f"not run, to spare the server: {why}")

    def keep(self) -> None:
        """The same for what runs already, asked now and then. Raises TargetError."""
        if time.monotonic() - self._looked > EVERY and (why := self._crossed()):
            raise TargetError(f"stopped, to spare the server: {why}")

    def _crossed(self) -> str | None:
        found = crossed(self._section, self._server) if self._section is not None else None
        self._looked = time.monotonic()
        return found
