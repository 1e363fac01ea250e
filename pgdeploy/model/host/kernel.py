"""Kernel settings and limits: `host: kernel:` and `host: limits:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgdeploy.spec.model import FrozenMap, Model
from pgdeploy.spec.text import checked, shaped
from pgdeploy.text import sysctl

SysctlName = Annotated[str, *shaped(sysctl.NAME, "a setting of the kernel, such as vm.swappiness")]
SysctlValue = int | Annotated[str, checked(sysctl.words)]


class KernelSpec(Model):
    """What the kernel is told. A container has its host's kernel, and these checks do not apply to it."""

    huge_pages: bool | Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        False,
        description="true: as many as the server's shared memory takes, by its own count; or a number of pages",
    )
    transparent_huge_pages: Literal["always", "madvise", "never"] | None = Field(
        None, description="never is what a database host wants"
    )
    sysctl: FrozenMap[SysctlName, SysctlValue] = Field(
        default_factory=FrozenMap, description="such as vm.swappiness: 1"
    )


class LimitsSpec(Model):
    """What systemd gives the server's unit."""

    open_files: Annotated[int, Field(ge=1024, le=2**30)] | None = Field(None, description="LimitNOFILE")
    oom_score: Annotated[int, Field(ge=-1000, le=1000)] | None = Field(
        None, description="OOMScoreAdjust; -900 makes the kernel look elsewhere first"
    )
