"""Row level security: `row_security:` of a database."""

from __future__ import annotations

from pydantic import Field

from pgdeploy.model.object import Object
from pgdeploy.spec.model import Identifier, Model


class RowSecuritySpec(Model):
    """Row level security of one table."""

    on: Object = Field(description="the table: `{schema: NAME, table: NAME}`")
    enabled: bool = Field(True, description="false: everybody who may read the table sees all its rows")
    forced: bool | None = Field(
        None, description="whether policies bind the table's owner, too; left out: not checked"
    )
    policies: tuple[Identifier, ...] | None = Field(
        None, description="exactly these, by name; migrations make them; left out: not checked"
    )
