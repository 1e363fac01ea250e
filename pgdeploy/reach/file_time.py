"""How well the time of a file on this machine tells when it was written."""

from __future__ import annotations

import sys
import time

_CLOCK_OF_FILES = 5
"""CLOCK_REALTIME_COARSE of Linux."""

LAG = time.clock_getres(_CLOCK_OF_FILES) if sys.platform == "linux" else 0.01
"""Seconds by which it may be behind the clock."""


def outlast() -> None:
    """Wait until whatever happens next is later than a file that was just written, by the file's time too."""
    time.sleep(2 * LAG)
