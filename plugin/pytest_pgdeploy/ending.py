"""A run with `--target` that is ended by SIGTERM or SIGHUP leaves its servers as Ctrl-C does.

Under xdist each worker has servers of its own, and only the controller gets the signal: it hands it on, as xdist
itself would let them work on for many seconds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest

from pgdeploy.local.signals import ENDING, Ending
from pytest_pgdeploy.failure import Crash, Failure


class Ends:
    def __init__(self) -> None:
        self._ending = Ending().install()
        self._workers: list[int] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_newgateway(self, gateway: Any) -> None:
        if gateway.spec.popen:
            self._workers.append(gateway._rinfo().pid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """pytest would show the name of our class."""
        if self._ending.number in ENDING:
            said = Failure(self._ending.name, Crash("", 0, self._ending.name))
            excinfo.getrepr = lambda *_, **__: said  # type: ignore[method-assign,assignment]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._ending.number in ENDING:
            # as a shell has it of any program that a signal ends, and as the commands of pgdeploy end
            session.exitstatus = 128 + self._ending.number
            for worker in self._workers:
                with suppress(ProcessLookupError):
                    os.kill(worker, self._ending.number)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self._ending.restore()
