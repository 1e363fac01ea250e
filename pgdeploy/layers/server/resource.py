"""What all resources of the server have in common: without PostgreSQL nothing of them can be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Resource

if TYPE_CHECKING:
    from pgdeploy.core.check import Check, Finding
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.server.change import Change


class ServerResource(Resource):
    """One thing of the server, and which changes remove what its checks found."""

    layer: ClassVar[str] = "server"

    def unasked(self, facts: Facts) -> str | None:
        return f"PostgreSQL could not be asked: {facts.lost}" if facts.lost else None

    def roles_named(self, facts: Facts, check: Check) -> Sequence[str]:
        """Roles without which no change of ours can remove what this check finds."""
        return ()

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterable[Change]:
        """What removes these findings. A finding that no change names as a cause stays."""
        return ()
