"""The markers of items, for `-m`: the kind of thing in plural, and what is special about the check."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pgdeploy.core.check import Check

KINDS = {
    "setting": "settings",
    "role": "roles",
    "membership": "memberships",
    "tablespace": "tablespaces",
    "database": "databases",
    "schema": "schemas",
    "extension": "extensions",
    "ownership": "ownership",
    "grant": "grants",
    "default_privilege": "default_privileges",
    "row_security": "row_security",
    "publication": "publications",
    "event_trigger": "event_triggers",
    "foreign_server": "foreign_servers",
    "ident": "ident",
    "hba": "hba",
    "server": "server",
}
"""The marker of each kind of resource."""

HOST_KINDS = {
    "guest": "guest",
    "package": "packages",
    "locale": "locales",
    "clock": "clock",
    "kernel": "kernel",
    "mount": "mounts",
    "file": "files",
    "cluster": "cluster",
    "service": "services",
    "socket": "sockets",
    "tls": "tls",
    "firewall": "firewall",
    "exporter": "exporter",
    "osuser": "osusers",
    "deployment": "deployment",
}
"""The marker of each kind of the host; what is neither here nor there has the marker of the server."""

VM_KINDS = {
    "vm": "vms",
    "vm_disk": "vm_disks",
    "vm_network": "vm_networks",
    "vm_cloud_init": "vm_cloud_init",
}
"""The marker of each kind of the virtual machine."""

LAYERS = {
    "host": "checks of the host under the server",
    "vm": "checks of the virtual machine under the host",
}

ASPECTS = {
    "probe": "checks of behaviour: what a role can really do",
    "undeclared": "checks for what the spec does not name",
    "secret": "checks of passwords",
}

_KNOWN = KINDS | HOST_KINDS | VM_KINDS
MARKERS = {marker: f"checks of {marker.replace('_', ' ')} in a spec" for marker in _KNOWN.values()}
MARKERS |= ASPECTS | LAYERS


def marks_of(check: Check) -> tuple[pytest.MarkDecorator, ...]:
    aspect = "secret" if check.field == "password" and not check.aspect else check.aspect
    return _marks(check.resource.kind, aspect, check.resource.layer)


@cache
def _marks(kind: str, aspect: str, layer: str) -> tuple[pytest.MarkDecorator, ...]:
    names = [_KNOWN[kind]] if kind in _KNOWN else []
    names += [aspect] if aspect in ASPECTS else []
    names += [layer] if layer in LAYERS else []
    return tuple(getattr(pytest.mark, name) for name in names)
