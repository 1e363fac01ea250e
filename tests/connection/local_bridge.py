"""A bridge without ssh or container: its commands run here."""

from __future__ import annotations

from collections.abc import Sequence

from pgdeploy.reach.bridge import BridgeServer
from pgdeploy.reach.embedded import Cluster


class LocalBridge(BridgeServer):
    def __init__(self, server: Cluster) -> None:
        super().__init__("local bridge", server.dsn.split()[0].removeprefix("host=") + "/.s.PGSQL.5432")

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        return there
