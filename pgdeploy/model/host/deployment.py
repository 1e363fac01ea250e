"""The last deployment: `host: deployment:`."""

from __future__ import annotations

from pydantic import Field

from pgdeploy.model.host.amount import Span
from pgdeploy.spec.model import Model


class DeploymentSpec(Model):
    """What is asked of the record."""

    within: Span | None = Field(None, description="the first deploy may take no longer")
    at_most: Span | None = Field(None, description="the last change by pg01.py may be no longer ago")
