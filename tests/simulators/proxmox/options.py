"""Options of a machine as the description knows them: their schemas, and how the API shows their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.simulators.proxmox.description import Operation, Schema, operations
from tests.simulators.proxmox.formats import BadFormat
from tests.simulators.proxmox.refusal import Refusal
from tests.simulators.proxmox.schema import parse, render

NO_OPTIONS = {"node", "vmid", "digest", "delete", "revert", "force", "skiplock", "background_delay"}
"""Parameters of the update that are no options of a machine."""


def update(version: str) -> Operation:
    """POST config, which knows also what is only for new drives."""
    return operations(version)["POST", "/nodes/{node}/qemu/{vmid}/config"]


def schema(version: str, option: str) -> Schema | None:
    return None if option in NO_OPTIONS else update(version).schema(option)


def nested(version: str, option: str) -> Mapping[str, Any]:
    """The format of an option that is a property string."""
    found = schema(version, option)
    assert found is not None, option
    form = found["format"]
    assert isinstance(form, Mapping), option
    return form


def parse_option(version: str, option: str, value: str) -> dict[str, str]:
    try:
        return parse(nested(version, option), value)
    except BadFormat as bad:
        raise Refusal(str(bad)) from None


def render_option(version: str, option: str, values: Mapping[str, str]) -> str:
    return render(nested(version, option), values)


def shown(version: str, option: str, value: str) -> str | int:
    """Integers and booleans are numbers in answers, all else is text."""
    found = schema(version, option) or {}
    whole = found.get("type") in ("integer", "boolean")
    return int(value) if whole and value.lstrip("+-").isdecimal() else value


def memory(config: Mapping[str, str]) -> int:
    """MiB that the machine may have; 512 if nothing is said."""
    return int(config.get("memory", "512").removeprefix("current=").split(",")[0])


def cpus(config: Mapping[str, str]) -> int:
    return int(config.get("sockets", "1")) * int(config.get("cores", "1"))
