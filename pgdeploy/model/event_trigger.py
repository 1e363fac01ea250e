"""Event triggers: `event_triggers:` of a database."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pgdeploy.model.named import OwnedSpec


class EventTriggerSpec(OwnedSpec):
    """An event trigger. `{}`: it exists."""

    enabled: bool | Literal["replica", "always"] | None = Field(
        None,
        description="whether it fires: in ordinary sessions (true), in those of a replica (replica), in both (always); "
        "left out: not checked",
    )
