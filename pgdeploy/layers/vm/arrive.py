"""The way into a VM that runs: its agent, cloud-init, its address, sshd's host key, and ssh itself.

The host key comes from the guest agent, by Proxmox and TLS that is verified: nothing on the network is trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.vm.cloud_init import fingerprint
from pgdeploy.layers.vm.deadline import NotYet
from pgdeploy.layers.vm.fact import addresses_in, read_cluster
from pgdeploy.reach.known_hosts import remember
from pgdeploy.reach.login import Login
from pgdeploy.reach.proxmox import Passing, Refused

if TYPE_CHECKING:
    from pgdeploy.layers.vm.deadline import Deadline
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.reach.login import SshWay
    from pgdeploy.reach.proxmox import Proxmox

HOST_KEY = "sshd's host key"
HOST_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key.pub" for kind in ("ed25519", "ecdsa", "rsa"))
FINISHED = "/run/cloud-init/result.json"
"""Made anew at each boot, when cloud-init is through: host keys are the VM's own then, and no longer the template's."""


_FORBIDDEN = re.compile("has been disabled|not allowed|has not been found")
"""What the agent says of a command that its configuration, or its age, keeps it from."""

_FINAL = re.compile("Host key verification failed|Permission denied|cannot run ssh|Bad configuration")
"""What ssh says that no waiting changes: cloud-init is through by then."""


def arrive(
    declared: DeclaredVm,
    proxmox: Proxmox,
    way: SshWay | None,
    deadline: Deadline,
    note: Callable[[str], None],
) -> None:
    """Wait until ssh reaches it, and let ssh know its host key.

    Raises:
        TargetError: it cannot be reached in time; what was waited for.
    """
    if declared.vm.agent:
        key = _ask_agent(declared, proxmox, deadline, note)
        if way is not None:
            file = remember(way.host, way.options, key, note)
            note(f"{HOST_KEY}, by the guest agent, is {fingerprint(key, 'it')}: in {file}")
    else:
        note(
            "no guest agent (`agent: false`), so nobody proves the host key: read it on the console, and write it "
            "into known_hosts"
        )
    if way is not None:
        hint = "; the guest agent has the address, so look at the way there: VLAN, bridge, gateway, firewall"
        _log_in(way, deadline, hint if declared.vm.agent else "")


def _ask_agent(
    declared: DeclaredVm, proxmox: Proxmox, deadline: Deadline, note: Callable[[str], None]
) -> str:
    vm = declared.vm
    agent = ("nodes", _node(declared, proxmox), "qemu", vm.id, "agent")
    deadline.until("the guest agent", lambda: _asked(proxmox, *agent, "network-get-interfaces"))
    result = deadline.until("cloud-init to finish", lambda: _read(proxmox, agent, FINISHED))
    for error in _errors(result):
        note(f"cloud-init says: {error}")
    desired = vm.network.interface

    def arrived() -> None:
        known = addresses_in(_asked(proxmox, *agent, "network-get-interfaces"))
        if desired not in map(ip_interface, known):
            raise NotYet(f"the guest has {', '.join(known) or 'no address'}")

    deadline.until(f"the address {desired}", arrived)
    key = deadline.until(HOST_KEY, lambda: _host_key(proxmox, agent))
    fingerprint(key, HOST_KEY)
    return " ".join(key.split()[:2])


def _node(declared: DeclaredVm, proxmox: Proxmox) -> str:
    """Where it is, which is another node than the spec's where somebody moved it."""
    listed = read_cluster(proxmox).vms.get(declared.vm.id)
    return listed.node if listed is not None else declared.vm.node


def _asked(proxmox: Proxmox, *path: object, **parameters: object) -> Any:
    """What Proxmox answers.

    Raises:
        NotYet: it may do so later.
        TargetError: it never will.
    """
    try:
        return proxmox.get(*path, **parameters)
    except Refused as error:
        if error.status in (401, 403):
            raise
        if "No QEMU guest agent configured" in error.reason:
            raise TargetError(f"{error}; it is with a restart: --allow-restart") from None
        if _FORBIDDEN.search(error.reason):
            raise TargetError(
                f"{error}; let the guest's agent have guest-file-open, -read and -close"
            ) from None
        raise NotYet(str(error)) from None
    except Passing as error:
        raise NotYet(str(error)) from None


def _read(proxmox: Proxmox, agent: tuple[object, ...], file: str) -> str:
    """A file of the guest.

    Raises:
        NotYet: it is not there, or empty.
    """
    text = str(_asked(proxmox, *agent, "file-read", file=file)["content"])
    if not text.strip():
        raise NotYet(f"{file} is empty")
    return text


def _host_key(proxmox: Proxmox, agent: tuple[object, ...]) -> str:
    """The first that sshd has, the best kind first.

    Raises:
        NotYet: it has none.
    """
    absent: NotYet | None = None
    for file in HOST_KEYS:
        try:
            return _read(proxmox, agent, file)
        except NotYet as error:
            absent = absent or error
    raise absent or NotYet("sshd has no host key")


def _errors(result: str) -> list[str]:
    """What cloud-init itself complains of."""
    try:
        found = json.loads(result)["v1"]["errors"]
    except (ValueError, KeyError, TypeError):
        return []
    return [" ".join(str(error).split()) for error in found]


_NO_NAME = "; this machine has no address for the name: look at its DNS, or at the host in `connect: ssh:`"


def _log_in(way: SshWay, deadline: Deadline, hint: str) -> None:
    login = Login(way.host, way.options)

    def reached() -> None:
        try:
            login.open()
        except TargetError as error:
            if _FINAL.search(str(error)):
                raise
            nameless = "Could not resolve hostname" in str(error)
            raise NotYet(f"{error}{_NO_NAME if nameless else hint}") from None

    try:
        deadline.until(f"ssh to {way.host}", reached)
    finally:
        login.close()
