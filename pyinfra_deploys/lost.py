"""A lost connection is said: pyinfra itself says no more than that a command failed."""

from __future__ import annotations

from pyinfra import logger
from pyinfra.api import Host, State
from pyinfra.api.state import BaseStateCallback
from pyinfra.context import state


class Lost(BaseStateCallback):  # type: ignore[misc]
    """Looks at the connection when an operation has failed."""

    @staticmethod
    def operation_host_error(
        state: State, host: Host, op_hash: str, retry_count: int = 0, max_retries: int = 0
    ) -> None:
        client = getattr(host.connector, "client", None)
        transport = client.get_transport() if client is not None else None
        if transport is None or not transport.is_active():
            logger.error(
                f"{host.print_prefix}the connection is lost; what was at work there may go on; "
                "run it again, which finishes the work"
            )


def tell_when_lost() -> None:
    if not any(isinstance(handler, Lost) for handler in state.callback_handlers):
        state.add_callback_handler(Lost())
