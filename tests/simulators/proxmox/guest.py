"""What runs in a virtual machine: the border between the simulated cluster and a guest, and a guest in memory."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
RESULT = "/run/cloud-init/result.json"


class AgentAbsent(Exception):
    """The agent in the guest does not answer: not installed, not started yet, or the guest is down."""


class AgentError(Exception):
    """The agent answers that it cannot. The text is the agent's `desc`, without Proxmox's own words."""


class NoSuchFile(AgentError):
    """guest-file-open found no such file."""

    def __init__(self, path: str) -> None:
        super().__init__(f"failed to open file '{path}' (mode: 'r'): No such file or directory")


@dataclass(frozen=True)
class CloudInit:
    """The three files of the cloud-init drive, as Proxmox writes them (NoCloud)."""

    user_data: str
    network_config: str
    meta_data: str


@dataclass(frozen=True)
class Boot:
    """What a machine is started with. `config` is the effective configuration, pending changes taken.

    `cloud_init` is None when the machine has no cloud-init drive.
    """

    vmid: int
    name: str
    config: Mapping[str, str]
    cloud_init: CloudInit | None


class Guest(Protocol):
    """One machine's inside. All methods are called in threads of the simulator, never two at once for `start`,
    `shutdown`, `stop` and `destroy`; `agent` may be called at any time, also while these run.

    The same object lives from the creation of the machine (a clone) to its destruction: over reboots its disk
    stays, and it is `start` that decides by the instance-id whether cloud-init runs again.
    """

    def start(self, boot: Boot) -> None:
        """In the qmstart task, after the configuration was taken; the task fails with what this raises."""

    def shutdown(self) -> None:
        """Graceful; returns when the guest is down. Raises if it does not go down."""

    def stop(self) -> None:
        """The power is cut. Called for a running guest only."""

    def destroy(self) -> None:
        """The machine is removed with its disks. Called once, for a stopped guest, started or never."""

    def agent(self, command: str, arguments: Mapping[str, object]) -> object:
        """What the guest agent gives as `return`; raises AgentAbsent when not up, AgentError when it refuses.

        | command | arguments | gives |
        |---|---|---|
        | guest-ping | | {} |
        | guest-info | | {"version": str, "supported_commands": [{"name", "enabled", "success-response"}]} |
        | guest-network-get-interfaces | | [{"name", "hardware-address", "ip-addresses": [...]}] |
        | guest-get-host-name | | {"host-name": str} |
        | guest-get-osinfo | | {"id", "name", "pretty-name", "version", "version-id", "kernel-release", ...} |
        | guest-file-read | path: str | bytes of the whole file; NoSuchFile |

        guest-file-read stands for the agent's open, read and close; the simulator cuts what is too long.
        """


Factory = Callable[[int], Guest]
"""Makes the guest of the machine with this id."""


@dataclass
class MemoryGuest:
    """A guest that is nothing but answers.

    `agent_delay`: seconds from start until the agent answers. `files_delay`: seconds from start until
    cloud-init is done and the files of `written` appear. `files` are there as soon as the agent is.
    """

    vmid: int
    agent_delay: float = 0.0
    files_delay: float = 0.0
    installed: bool = True
    """Whether the image has the agent at all."""
    stubborn: bool = False
    """It does not heed shutdown."""
    errors: tuple[str, ...] = ()
    """What cloud-init reports in result.json."""
    files: dict[str, bytes] = field(default_factory=dict)
    boot: Boot | None = None
    boots: int = 0
    destroyed: bool = False
    started: float | None = None
    """time.monotonic() of the start; None while it is down."""

    def start(self, boot: Boot) -> None:
        self.boot = boot
        self.boots += 1
        self.started = time.monotonic()

    def shutdown(self) -> None:
        if self.stubborn:
            raise RuntimeError("VM quit/powerdown failed - got timeout")
        self.started = None

    def stop(self) -> None:
        self.started = None

    def destroy(self) -> None:
        self.started = None
        self.destroyed = True

    def agent(self, command: str, arguments: Mapping[str, object]) -> object:
        if self.started is None or self.boot is None or not self.installed:
            raise AgentAbsent
        if time.monotonic() < self.started + self.agent_delay:
            raise AgentAbsent
        if command == "guest-file-read":
            return self._read(str(arguments["path"]))
        answer = _ANSWERS.get(command)
        if answer is None:
            raise AgentError(f"The command {command} has not been found")
        return answer(self.boot)

    def _read(self, path: str) -> bytes:
        content = {**self._written(), **self.files}.get(path)
        if content is None:
            raise NoSuchFile(path)
        return content

    def _written(self) -> dict[str, bytes]:
        """What cloud-init and the first boot have made by now."""
        assert self.boot is not None
        assert self.started is not None
        if time.monotonic() < self.started + self.files_delay:
            return {}
        source = "DataSourceNoCloud [seed=/dev/sr0]"
        result = {"v1": {"datasource": source, "errors": list(self.errors)}}
        return {
            HOST_KEY: f"{host_key(self.boot)} root@{self.boot.name}\n".encode(),
            RESULT: json.dumps(result, indent=1).encode(),
        }


def host_key(boot: Boot) -> str:
    """A real ed25519 public key, the same for each boot of one instance."""
    instance = boot.config.get("vmgenid", "") + str(boot.vmid)
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(instance.encode()).digest())
    return private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _interfaces(boot: Boot) -> object:
    card = dict(part.partition("=")[::2] for part in boot.config.get("net0", "").split(","))
    hardware = next((card[key] for key in ("virtio", "e1000", "vmxnet3", "macaddr") if key in card), "")
    addresses = [_address("fe80::1", 64)]
    for part in boot.config.get("ipconfig0", "").split(","):
        key, _, value = part.partition("=")
        if key in ("ip", "ip6") and "/" in value:
            interface = ipaddress.ip_interface(value)
            addresses.insert(0, _address(str(interface.ip), interface.network.prefixlen))
    return [
        {
            "name": "lo",
            "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [_address("127.0.0.1", 8), _address("::1", 128)],
            "statistics": _STATISTICS,
        },
        {
            "name": "eth0",
            "hardware-address": hardware.lower(),
            "ip-addresses": addresses,
            "statistics": _STATISTICS,
        },
    ]


def _address(text: str, prefix: int) -> dict[str, object]:
    kind = "ipv6" if ":" in text else "ipv4"
    return {"ip-address": text, "ip-address-type": kind, "prefix": prefix}


_STATISTICS: Mapping[str, int] = {
    f"{way}-{what}": 0 for way in ("rx", "tx") for what in ("bytes", "packets", "errs", "dropped")
}

_COMMANDS = (
    "guest-ping",
    "guest-info",
    "guest-network-get-interfaces",
    "guest-get-host-name",
    "guest-get-osinfo",
    "guest-file-open",
    "guest-file-read",
    "guest-file-close",
)

_ANSWERS: Mapping[str, Callable[[Boot], object]] = {
    "guest-ping": lambda _: {},
    "guest-info": lambda _: {
        "version": "8.2.2",
        "supported_commands": [
            {"name": name, "enabled": True, "success-response": True} for name in _COMMANDS
        ],
    },
    "guest-network-get-interfaces": _interfaces,
    "guest-get-host-name": lambda boot: {"host-name": boot.name},
    "guest-get-osinfo": lambda _: {
        "id": "ubuntu",
        "name": "Ubuntu",
        "pretty-name": "Ubuntu 24.04.1 LTS",
        "version": "24.04.1 LTS (Noble Numbat)",
        "version-id": "24.04",
        "kernel-release": "6.8.0-45-generic",
        "kernel-version": "#45-Ubuntu SMP",
        "machine": "x86_64",
    },
}
