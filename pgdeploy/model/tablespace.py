"""Tablespaces: `tablespaces:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgdeploy.spec.model import Identifier, Model


class TablespaceSpec(Model):
    """A tablespace. `{}`: it exists."""

    state: Literal["present", "absent"] = Field("present", description="absent: it must not exist")
    owner: Identifier | None = Field(None, description="the role that owns it; left out: not checked")
    location: Annotated[str, Field(pattern="^/")] | None = Field(
        None, description="its folder on the server, an absolute path; left out: not checked"
    )
