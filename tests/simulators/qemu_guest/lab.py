"""Virtual machines for one test, and the network they are in."""

from __future__ import annotations

from ipaddress import IPv4Network
from types import TracebackType
from typing import Self

from pgdeploy.gate.container.cleanup import Cleanup
from tests.simulators.qemu_guest.clock import TimeServer
from tests.simulators.qemu_guest.guest import QemuGuest
from tests.simulators.qemu_guest.network import Bridge
from tests.simulators.qemu_guest.stale import remove_what_is_stale
from tests.simulators.qemu_guest.template import template


class QemuLab:
    """Gives virtual machines to a simulated cluster; all that they are is gone when it is closed.

    with QemuLab() as lab:
        lab.subnet  # for the spec: gateway subnet[1], machines from subnet[2]
        ...  # a simulator with `lab.guest` as its factory
    """

    def __init__(self) -> None:
        remove_what_is_stale()
        self._template = template()
        self.guests: dict[int, QemuGuest] = {}
        """The last machine that was made with each id."""
        self._cleanup = Cleanup()
        self._bridge = Bridge()
        self._cleanup.add(self._bridge.close)
        self._cleanup.add(TimeServer(str(self.subnet[1])).close)

    @property
    def subnet(self) -> IPv4Network:
        """This machine is its gateway, `subnet[1]`, and its time server."""
        return self._bridge.subnet

    def guest(self, vmid: int) -> QemuGuest:
        """A new machine, not started: a factory, as the simulator wants one."""
        made = self.guests[vmid] = QemuGuest(vmid, self._template, self._bridge)
        self._cleanup.add(made.destroy)
        return made

    def close(self) -> None:
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
