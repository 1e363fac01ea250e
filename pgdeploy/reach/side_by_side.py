"""Connections side by side, which end with the run: Ctrl-C and signals reach the main thread alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pgdeploy.local.signals import finishing

if TYPE_CHECKING:
    import psycopg

SIDE_BY_SIDE = 4
"""Connections at a time: measured, more gain nothing on a server of few cores."""

_OPEN: set[psycopg.Connection[Any]] = set()


@contextmanager
def closing(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Close the connection at the end, whatever happens; psycopg's own context would commit first."""
    _OPEN.add(connection)
    try:
        yield connection
    finally:
        _OPEN.discard(connection)
        connection.close()


@contextmanager
def side_by_side(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for work on several connections. When the run is interrupted, what they wait for is cut off."""
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            with finishing():
                pool.shutdown(wait=False, cancel_futures=True)
                for connection in tuple(_OPEN):
                    _cut_off(connection)
            raise


def _cut_off(connection: psycopg.Connection[Any]) -> None:
    """The statement is cancelled, or it would go on without us; and no other one follows on this connection."""
    import psycopg

    with suppress(psycopg.Error, OSError):
        connection.cancel()
        with socket.socket(fileno=os.dup(connection.fileno())) as ours:
            ours.shutdown(socket.SHUT_RDWR)
