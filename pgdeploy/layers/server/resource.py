"""What all resources of the server have in common: without PostgreSQL nothing of them can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Resource

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts


class ServerResource(Resource):
    """One thing of the server."""

    layer: ClassVar[str] = "server"

    def unasked(self, facts: Facts) -> str | None:
        return f"PostgreSQL could not be asked: {facts.lost}" if facts.lost else None
