"""Thresholds of a spec, measured on a real server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach.server import Server

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.reach.embedded import Cluster


def findings(server: Server, thresholds: str, folder: Path, major: int = 16) -> Mapping[str, Finding]:
    """What the checks of these thresholds find, by their ids."""
    file = folder / "town.yaml"
    file.write_text(
        f"postgres: {major}\nthresholds: {thresholds}\nroles: {{postgres: {{superuser: true, login: true}}}}\n"
    )
    gate = Gate(load_target(file), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("threshold")
    return {finding.check.id: finding for finding in gate.ask()}


def red(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict is Verdict.DRIFTS]


@contextmanager
def sessions(server: Cluster, number: int) -> Iterator[list[psycopg.Connection[tuple[object, ...]]]]:
    """So many clients of the server."""
    opened = [server.open(configured=False) for _ in range(number)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()
