"""Nothing of a throw-away is left behind: not at the end, not after SIGTERM or SIGHUP."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from pgdeploy.local.signals import ENDING, finishing


class Cleanup:
    """Steps that are undone in reverse order, once: by `close`, at exit, or when the process is told to end."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        atexit.register(self.close)
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                # somebody else's handler has its own idea of an end; so has that of the command line, of pytest
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _terminate)

    def add(self, undo: Callable[[], object]) -> None:
        self._stack.callback(undo)

    def close(self) -> None:
        with finishing():
            atexit.unregister(self.close)
            self._stack.close()


def _terminate(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
