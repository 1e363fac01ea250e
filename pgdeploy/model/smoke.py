"""The smoke run: `smoke:`, what must hold for a server to be called healthy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pgdeploy.local.path import LocalPath
from pgdeploy.model.host.amount import Span
from pgdeploy.spec.model import Model

Pattern = Annotated[str, Field(min_length=1)]


class SmokeSpec(Model):
    """What `pgdeploy smoke` asks: after a change, and each morning."""

    checks: tuple[Pattern, ...] = Field(
        ("*",),
        description="ids of checks and probes, where * stands for any text; each must name one at least",
    )
    without: tuple[Pattern, ...] = Field((), description="ids that are left out, in the same form")
    tests: tuple[Annotated[LocalPath, Field(min_length=1)], ...] = Field(
        (), description="files of tests of yours, which pytest runs with this target"
    )
    time_limit: Span = Field("5min", description="what is not done by then is not healthy")
