"""The firewall: `host: firewall:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from pgdeploy.spec.model import Model
from pgdeploy.spec.text import checked
from pgdeploy.text import nft

Networks = tuple[Annotated[str, checked(nft.network), AfterValidator(nft.network)], ...]


class FirewallSpec(Model):
    """Networks that may reach each port; nobody else may, but the host itself. Left out: not filtered."""

    ssh: Networks | None = Field(None, description="who may reach ssh")
    postgres: Networks | None = Field(None, description="who may reach PostgreSQL's port")
    exporter: Networks | None = Field(None, description="who may reach the exporter's port")
