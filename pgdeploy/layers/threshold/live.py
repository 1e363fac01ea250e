"""What of a server's thresholds is crossed at this moment: asked before something that may burden it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.layers.server.reading import Scope, read_sql
from pgdeploy.layers.threshold.check import Threshold
from pgdeploy.layers.threshold.query import QUERIES, WHO
from pgdeploy.layers.threshold.reading import of_server

if TYPE_CHECKING:
    from pgdeploy.reach.server import Server

LIVE = ("connections", "locks", "replication")
"""Things that more work makes worse, and that are quickly asked."""


def crossed(section: Any, server: Server) -> str | None:
    """Which of these thresholds is crossed, and by what; what this login cannot see is left to its own check.

    Raises:
        TargetError: the server cannot be reached.
    """
    limits = {metric: known for metric, known in section.limits.items() if metric.thing in LIVE}
    if not limits:
        return None
    queries = [QUERIES[metric.thing, metric.field] for metric in limits]
    read = read_sql(server, [WHO, *queries], Scope((), ()))
    for metric, known in limits.items():
        try:
            outcome = Threshold(metric, known, section.window).compared(of_server(metric, read))
        except (Unreadable, Inapplicable):
            continue
        if not outcome.conforms:
            return f"{metric.id} drifts: {outcome.actual}, {outcome.origin}"
    return None
