"""What has a name of its own in a database and is made by somebody else."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pgdeploy.spec.model import Identifier, Model


class NamedSpec(Model):
    """It must be there, or must not."""

    state: Literal["present", "absent"] = Field("present", description="absent: it must not exist")


class OwnedSpec(NamedSpec):
    """The same, with an owner."""

    owner: Identifier | None = Field(None, description="the role that owns it; left out: not checked")
