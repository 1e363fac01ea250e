"""The host under the server: one file a kind, with its checks. pyinfra makes it so, the gate reads it.

    layout.py     where things are; file.py the files that pgdeploy writes; rule.py rules of nftables
    declared.py   what a target declares; question.py what the gate asks; gather.py runs on the host and answers
    resource.py   what all kinds have in common

`HOST_KINDS` is the registry, in the order in which a host is made. A kind has checks and no changes: what is
wrong, pyinfra puts right.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from pgdeploy.layers.host import (
    answer,
    clock,
    cluster,
    deployment,
    exporter,
    exporter_container,
    firewall,
    folder,
    guest,
    kernel,
    locale,
    mount,
    osuser,
    package,
    path,
    room,
    service,
    socket,
    tls,
)

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.layers.host.declared import DeclaredHost

HOST_KINDS: tuple[ModuleType, ...] = (
    guest,
    package,
    locale,
    clock,
    kernel,
    mount,
    room,
    path,
    folder,
    cluster,
    service,
    answer,
    socket,
    tls,
    firewall,
    exporter_container,
    exporter,
    osuser,
    deployment,
)


def host_resources(declared: DeclaredHost) -> tuple[Resource, ...]:
    """Everything that the spec declares of the host."""
    return tuple(resource for kind in HOST_KINDS for resource in kind.resources(declared))
