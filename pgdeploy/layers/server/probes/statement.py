"""The SQL of probes: one file each."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """A statement of ours."""
    return (files("pgdeploy.layers.server.probes") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
