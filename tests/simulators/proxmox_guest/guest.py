"""A machine of the simulated cluster that is real inside: systemd, cloud-init, sshd, the guest agent, disks."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Mapping
from functools import cache

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import attempt, docker, reason
from pgdeploy.gate.container.stale import OWNER, owner
from tests.host.machine import RUN
from tests.simulators.proxmox.guest import Boot, CloudInit
from tests.simulators.proxmox_guest.agent import Agent
from tests.simulators.proxmox_guest.growing import GROWING
from tests.simulators.proxmox_guest.hardware import Address, address, drives, mac
from tests.simulators.proxmox_guest.loop import LoopDevice
from tests.simulators.proxmox_guest.network import Networks
from tests.simulators.proxmox_guest.stale import new_folder
from tests.simulators.proxmox_guest.template import Template

SHUTDOWN_TIMEOUT = 60
"""Seconds until a machine that does not go down is given up."""

_DISKS = ("--device-cgroup-rule", "b 7:* rmw")
_CARD = ("--sysctl", "net.ipv4.conf.all.arp_notify=1")
"""Or who has asked for the address before the card had its own hardware address is deaf for half a minute."""
_HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


class ContainerGuest:
    """One machine: a container that is stopped and started, never made anew, so that its disk stays.

    What the hypervisor gives to the machine is in a folder that the container has as /run/hypervisor: the
    cloud-init drive, the list of disks, and the socket of the agent.
    """

    def __init__(self, vmid: int, template: Template, networks: Networks) -> None:
        self.vmid = vmid
        self.container = f"pgdeploy-guest-{vmid}-{secrets.token_hex(4)}"
        self._template = template
        self._networks = networks
        self._folder = new_folder()
        self._agent = Agent(self._folder / "agent.sock")
        self._disks: dict[str, LoopDevice] = {}
        self._address: Address | None = None
        self._made = self._gone = False
        self._turn = threading.Lock()

    def start(self, boot: Boot) -> None:
        """Returns when the machine is on, long before it has booted.

        Raises:
            TargetError: the engine refuses, or there is no loop device for a disk.
        """
        with self._turn:
            if self._gone:
                raise TargetError(f"machine {self.vmid} was destroyed")
            self._write_drive(boot.cloud_init)
            at = address(boot.cloud_init.network_config) if boot.cloud_init else None
            self._write_hardware(boot.config, at)
            self._plug(at)
            docker("start", self.container)

    def shutdown(self) -> None:
        """Graceful: systemd is told to halt.

        Raises:
            TargetError: it did not within a minute.
        """
        with self._turn:
            attempt("kill", "--signal", "SIGRTMIN+3", self.container)
            end = time.monotonic() + SHUTDOWN_TIMEOUT
            while self._is_on():
                if time.monotonic() > end:
                    raise TargetError(f"machine {self.vmid} is not down after {SHUTDOWN_TIMEOUT} s")
                time.sleep(0.1)

    def stop(self) -> None:
        """The power is cut."""
        with self._turn:
            attempt("kill", self.container)

    def destroy(self) -> None:
        """Nothing of it is left; again does no harm."""
        with self._turn:
            self._gone = True
            if self._made:
                attempt("rm", "-f", "-v", self.container)
            while self._disks:
                self._disks.popitem()[1].close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def agent(self, command: str, arguments: Mapping[str, object]) -> object:
        """What the agent in the machine gives, with all its own errors.

        `guest-file-read` with a path is its open, read and close, and gives bytes.
        """
        if command == "guest-file-read" and "path" in arguments:
            return self._agent.read(str(arguments["path"]))
        return self._agent.ask(command, arguments)

    def run(self, script: str) -> str:
        """What a shell in it prints, past the network: for what a test wants to know or break."""
        done = attempt("exec", "-i", self.container, "sh", "-c", script)
        if done.returncode != 0:
            raise AssertionError(f"{script!r} failed on machine {self.vmid}: {reason(done)}")
        return done.stdout.strip()

    def _is_on(self) -> bool:
        return docker("inspect", "-f", "{{.State.Running}}", self.container) == "true"

    def _write_drive(self, drive: CloudInit | None) -> None:
        folder = self._folder / "nocloud"
        shutil.rmtree(folder, ignore_errors=True)
        if drive is not None:
            folder.mkdir()
            (folder / "user-data").write_text(drive.user_data, encoding="utf-8")
            (folder / "meta-data").write_text(drive.meta_data, encoding="utf-8")
            (folder / "network-config").write_text(drive.network_config, encoding="utf-8")

    def _write_hardware(self, config: Mapping[str, str], at: Address | None) -> None:
        # on the engine's own network addresses go round: who gets one next could not be reached with another's card
        card = mac(config) if at else ""
        disks = [f"{self._disk(drive.volume, drive.size)} {drive.id}\n" for drive in drives(config)]
        files = {"disks": "".join(disks), "mac": card, "hosts": _HOSTS, "hostname": "template\n"}
        for name, text in {**files, "resolv.conf": _resolvers(self._template.image())}.items():
            (self._folder / name).write_text(text, encoding="utf-8")

    def _disk(self, volume: str, size: int) -> int:
        """The number of its loop device. What is unplugged keeps its content."""
        if volume not in self._disks:
            self._disks[volume] = LoopDevice(size)
        self._disks[volume].grow(size)
        return self._disks[volume].number

    def _plug(self, at: Address | None) -> None:
        """Into the network that has its address; where it has none, into the engine's own."""
        network = self._networks.having(at) if at else "bridge"
        if not self._made:
            self._create(network, at)
        elif at != self._address:
            for name in docker("inspect", "-f", _NAMES, self.container).split():
                docker("network", "disconnect", name, self.container)
            docker("network", "connect", *_ip(at), network, self.container)
        self._address = at

    def _create(self, network: str, at: Address | None) -> None:
        docker(
            *(
                "create",
                "--name",
                self.container,
                "--label",
                f"{OWNER}={owner()}",
                *RUN,
                *_DISKS,
                *GROWING,
                *_CARD,
            ),
            *("--network", network, *_ip(at), "-v", f"{self._folder}:/run/hypervisor"),
            *(self._template.image(), "/sbin/init"),
        )
        self._made = True


_NAMES = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"


def _ip(at: Address | None) -> tuple[str, ...]:
    return ("--ip", str(at.interface.ip)) if at else ()


@cache
def _resolvers(image: str) -> str:
    """The engine's name servers; on networks like ours it gives one of its own, by rules in the machine's firewall."""
    return docker("run", "--rm", image, "cat", "/etc/resolv.conf") + "\n"
