"""Where containers run: `docker:`."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.model.connect import Ssh
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import shaped
from pgdeploy.text.name_pattern import CONTAINER


class DockerSpec(Model):
    """A Docker engine, as its program reaches it."""

    ssh: Ssh | None = Field(None, description="on a host that ssh reaches; its docker program is run there")
    sudo: bool = Field(
        False, description="with `ssh:`, the docker program is run by sudo, which asks nothing"
    )
    context: Annotated[str, *shaped(*CONTAINER)] | None = Field(
        None, description="a context of this machine's docker program"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.ssh is not None and self.context is not None:
            raise PydanticCustomError("docker", "name one way: `ssh:` or `context:`")
        if self.sudo and self.ssh is None:
            raise PydanticCustomError("docker", "`sudo:` goes with `ssh:`")
        return self
