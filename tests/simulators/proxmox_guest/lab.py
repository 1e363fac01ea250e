"""Machines for one test, and the networks they are in."""

from __future__ import annotations

from ipaddress import IPv4Network
from types import TracebackType
from typing import Self

from pgdeploy.gate.container.cleanup import Cleanup
from tests.simulators.proxmox_guest.guest import ContainerGuest
from tests.simulators.proxmox_guest.network import Networks
from tests.simulators.proxmox_guest.stale import remove_what_is_stale
from tests.simulators.proxmox_guest.template import Template


class Lab:
    """Gives real guests to a simulated cluster; all that they are is gone when it is closed.

    with Lab(Template("debian-13")) as lab:
        subnet = lab.free_subnet()  # for the spec: gateway subnet[1], machines from subnet[2]
        ...  # a simulator with `lab.guest` as its factory
    """

    def __init__(self, template: Template | None = None) -> None:
        self._template = template or Template()
        self._template.image()  # what takes long is done before a machine is waited for
        remove_what_is_stale()
        self.guests: dict[int, ContainerGuest] = {}
        """The last machine that was made with each id."""
        self._cleanup = Cleanup()
        self._networks = Networks()
        self._cleanup.add(self._networks.close)

    def guest(self, vmid: int) -> ContainerGuest:
        """A new machine, not started: a factory, as the simulator wants one."""
        made = self.guests[vmid] = ContainerGuest(vmid, self._template, self._networks)
        self._cleanup.add(made.destroy)
        return made

    def free_subnet(self) -> IPv4Network:
        """A /24 that is in no one's way, ours until the end; this machine is its gateway, `subnet[1]`."""
        return self._networks.free()

    def close(self) -> None:
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
