"""The product's own pauses, made short: what a test waits for comes at once, or never."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pgdeploy.layers.vm import apply, deadline
from pgdeploy.reach import proxmox

QUICKER = 20
"""How much shorter each pause is."""

GRACE = 0.3
"""Seconds that stand for those which a lock of nobody's may stay."""


def _sleep(seconds: float) -> None:
    time.sleep(seconds / QUICKER)


@contextmanager
def hasty() -> Iterator[None]:
    """Only sleeping is quicker: how often something is tried, and the deadline of the spec, stay as they are."""
    clock = SimpleNamespace(sleep=_sleep, monotonic=time.monotonic)
    with pytest.MonkeyPatch.context() as patch:
        for module in (proxmox, apply, deadline):
            patch.setattr(module, "time", clock)
        patch.setattr(apply, "GRACE", GRACE)
        yield
