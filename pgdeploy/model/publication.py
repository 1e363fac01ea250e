"""Publications: `publications:` of a database."""

from __future__ import annotations

from pydantic import Field

from pgdeploy.model.named import OwnedSpec


class PublicationSpec(OwnedSpec):
    """A publication. `{}`: it exists."""

    all_tables: bool | None = Field(
        None, description="whether it is FOR ALL TABLES; fixed when it is made; left out: not checked"
    )
