"""Foreign servers: `foreign_servers:` of a database."""

from __future__ import annotations

from pydantic import Field

from pgdeploy.model.named import NamedSpec
from pgdeploy.spec.model import Identifier


class ForeignServerSpec(NamedSpec):
    """A foreign server. `{}`: it exists."""

    wrapper: Identifier | None = Field(
        None, description="its foreign-data wrapper; fixed when it is made; left out: not checked"
    )
