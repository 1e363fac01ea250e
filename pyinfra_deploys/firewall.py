"""The firewall: a table of our own in nftables, loaded as a whole and at boot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pyinfra.api import StringCommand, deploy, operation
from pyinfra.operations import systemd

from pgdeploy.layers.host.file import firewall_file
from pyinfra_deploys.this import ensure, layout, target


@deploy("Firewall")
def firewall() -> None:
    """Who may reach ssh, PostgreSQL and the exporter. Preflight saw to it that we are among them."""
    if layout().host.firewall is None:
        return
    filtered(name="The rules, loaded and kept for the next boot")
    systemd.service(
        name="nftables loads them at boot", service="nftables.service", enabled=True, running=None
    )


@operation()
def filtered() -> Iterator[StringCommand]:
    """The rules of the file and those in the kernel; a file that nft refuses never replaces a good one."""
    file = firewall_file(target().spec)
    if file is None:
        return
    question: dict[str, Any] = {"file": asdict(file)}
    yield from ensure("nft", question)
