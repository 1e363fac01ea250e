"""The cluster on its host: `host: cluster:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pgdeploy.model.host.amount import Size
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import checked, shaped
from pgdeploy.text.name_pattern import LOCALE
from pgdeploy.text.path import absolute


class ClusterSpec(Model):
    """How the cluster is made. Its data directory is `settings: data_directory`."""

    name: str = Field("main", pattern=r"^[a-z0-9_][a-z0-9_.-]*$", description="Debian's name of the cluster")
    checksums: bool = Field(
        True, description="data checksums, which only initdb or pg_checksums can switch on"
    )
    encoding: str = Field("UTF8", pattern=r"^[A-Za-z0-9_]+$", description="of the template databases")
    locale: Annotated[str, *shaped(*LOCALE)] = Field("C.UTF-8", description="of the template databases")
    mount: Annotated[str, checked(absolute)] | None = Field(
        None, description="the data directory must stand on a mount of its own, mounted here"
    )
    free: Size = Field("1GB", description="at least this much must be free where the data directory is")
