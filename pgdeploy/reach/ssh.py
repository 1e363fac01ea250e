"""Reach a server over ssh. TCP forwarding may be off on the host. Host keys are checked; an unknown host is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.reach.bridge import OS_USER, BridgeServer, as_os_user
from pgdeploy.reach.host import Host
from pgdeploy.reach.login import Login, ssh_options

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OS_USER", "SshServer", "ssh_options"]


class SshServer(BridgeServer):
    """A server on a host that ssh reaches.

    `options` are ssh's own, as `ssh_options` makes them from a spec; `socket_path` is the server's socket there.
    """

    def __init__(self, host: str, options: Sequence[str], socket_path: str) -> None:
        self._login = Login(host, options)
        self.host = Host.over_ssh(self._login)
        super().__init__(self._login.address, socket_path)

    def _prepare(self) -> None:
        self._login.open()

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        return self._login.command(as_os_user(there))

    def close(self) -> None:
        super().close()
        self._login.close()
