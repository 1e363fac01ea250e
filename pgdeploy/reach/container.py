"""Reach a server in a container: by `docker exec`, as the OS user postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgdeploy.reach.bridge import OS_USER, BridgeServer
from pgdeploy.reach.host import Host


class ContainerServer(BridgeServer):
    """A server in a running container. `closing` is called when we are done with it."""

    kind = "container"

    def __init__(self, name: str, socket_path: str, closing: Callable[[], None] = lambda: None) -> None:
        self._exec = ["docker", "exec", "-i", "-u", OS_USER, name]
        self._closing = closing
        self.host = Host.in_container(name)
        super().__init__(f"container {name}", socket_path)

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        return [*self._exec, *there]

    def close(self) -> None:
        super().close()
        self._closing()
