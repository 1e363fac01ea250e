"""What the tests of the simulator talk to it with: proxmoxer over TLS, as the product does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from proxmoxer import ProxmoxAPI, ResourceException

from tests.simulators.proxmox.access import ADMINISTRATOR, Acl
from tests.simulators.proxmox.cluster import Machine
from tests.simulators.proxmox.simulator import Simulator

USER = "pgdeploy@pve"

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBNTbhnNUs4ZdkTPJhF8Pma7hIJl2JhKQq1pHrGgUyXZ ops@example"

KEYS = quote(KEY, safe="")
"""As the option sshkeys wants it."""


def connect(proxmox: Simulator, acl: Acl | None = ADMINISTRATOR, name: str = "deploy") -> Any:
    """The API with a new token that has these rights."""
    return login(proxmox, proxmox.token(USER, name, acl), name)


def login(proxmox: Simulator, secret: str, name: str = "deploy") -> Any:
    return ProxmoxAPI(
        proxmox.host,
        port=proxmox.port,
        user=USER,
        token_name=name,
        token_value=secret,
        verify_ssl=str(proxmox.ca),
        timeout=10,
    )


def without(*privileges: str) -> Acl:
    return {path: [p for p in held if p not in privileges] for path, held in ADMINISTRATOR.items()}


def refusal(call: Callable[..., object], *words: object, **parameters: object) -> ResourceException:
    """How the server refuses; `content` is the reason of the status line."""
    with pytest.raises(ResourceException) as caught:
        call(*words, **parameters)
    return caught.value


def reason(call: Callable[..., object], *words: object, **parameters: object) -> str:
    """The status and the reason of a refusal, as in the status line."""
    error = refusal(call, *words, **parameters)
    return f"{error.status_code} {error.content}"


def errors(call: Callable[..., object], *words: object, **parameters: object) -> dict[str, str]:
    """What is wrong with each parameter."""
    error = refusal(call, *words, **parameters)
    assert error.status_code == 400
    assert error.content == "Parameter verification failed."
    return dict(error.errors)


def made(proxmox: Simulator, api: Any, vmid: int = 2002, **parameters: object) -> Machine:
    """A full clone of the template, ready."""
    api.nodes("node04").qemu(9000).clone.post(newid=vmid, name="pg01", full=1, **parameters)
    proxmox.settle()
    return proxmox.vm(vmid)


def started(proxmox: Simulator, api: Any, vmid: int = 2002) -> Machine:
    """The same, running."""
    machine = proxmox.vm(vmid) if vmid in proxmox.cluster.machines else made(proxmox, api, vmid)
    assert status(proxmox, api.nodes(machine.node).qemu(vmid).status.start.post()) == "OK"
    return machine


def status(proxmox: Simulator, upid: str) -> str | None:
    """How a task ended."""
    task = proxmox.cluster.tasks.get(upid)
    assert task is not None
    assert task.ended.wait(10)
    return task.exitstatus
