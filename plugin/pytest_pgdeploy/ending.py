"""A run with `--target` that is ended by SIGTERM or SIGHUP leaves its servers as Ctrl-C does.

Under xdist each worker has servers of its own, and only the controller gets the signal: it hands it on, as xdist
itself would let them work on for many seconds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest

from pgdeploy.signals import ENDING, Ending


class Ends:
    def __init__(self) -> None:
        self._ending = Ending().install()
        self._workers: list[int] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_newgateway(self, gateway: Any) -> None:
        if gateway.spec.popen:
            self._workers.append(gateway._rinfo().pid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        if self._ending.number in ENDING:
            for worker in self._workers:
                with suppress(ProcessLookupError):
                    os.kill(worker, self._ending.number)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._ending.restore()
