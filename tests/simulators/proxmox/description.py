"""Proxmox's own description of its API, as published, cut down to what the simulator implements."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scripts.fetch_proxmox import CACHE as DESCRIPTIONS
from scripts.fetch_proxmox import ROOT

Schema = Mapping[str, Any]

FOLDERS = {"9.2": "9.2", "9.1": "9.1.11"}
"""Version as a test says it, and the folder of its description."""

FAMILIES = {
    "scsi[n]": 31,
    "net[n]": 32,
    "ipconfig[n]": 32,
    "ide[n]": 4,
    "sata[n]": 6,
    "virtio[n]": 16,
    "serial[n]": 4,
    "parallel[n]": 3,
    "usb[n]": 14,
    "hostpci[n]": 16,
    "numa[n]": 8,
    "unused[n]": 256,
    "virtiofs[n]": 10,
}
"""How many of each there may be; the description does not say."""


@dataclass(frozen=True)
class Operation:
    """One method of one path. `properties` are the raw parameters, those in the path among them."""

    method: str
    path: str
    properties: Mapping[str, Schema]
    permissions: Mapping[str, Any] | None
    allow_token: bool
    returns: Schema

    @property
    def on_node(self) -> bool:
        """Whether the request is handed to the node in its path."""
        return self.path.startswith("/nodes/{node}")

    def schema(self, name: str) -> Schema | None:
        """The schema of a parameter, members of families included."""
        return self.properties.get(name) or self.properties.get(family(name) or "")


@cache
def family(name: str) -> str | None:
    """`net[n]` for net0; None for what is in no family."""
    match = re.fullmatch(r"([a-z]+)(0|[1-9]\d*)", name)
    if not match or int(match[2]) >= FAMILIES.get(f"{match[1]}[n]", 0):
        return None
    return f"{match[1]}[n]"


@cache
def operations(version: str) -> Mapping[tuple[str, str], Operation]:
    """By method and path. All of them: the file takes 50 ms, and is read once a process."""
    paths: Mapping[str, Mapping[str, Any]] = json.loads(_file(version).read_text(encoding="utf-8"))["paths"]
    made = (
        _operation(method.upper(), path, raw)
        for path, methods in paths.items()
        if _PATHS.match(path)
        for method, raw in methods.items()
        if method in ("get", "post", "put", "delete")
    )
    return {(operation.method, operation.path): operation for operation in made}


_PATHS = re.compile(r"/(version|nodes|cluster|access/permissions)")


def find(version: str, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation of a request, with what stands in its path."""
    for pattern, template in _patterns(version):
        match = pattern.fullmatch(path)
        operation = operations(version).get((method, template)) if match else None
        if match and operation:
            return operation, {key: value for key, value in match.groupdict().items() if value}
    return None


@cache
def _patterns(version: str) -> list[tuple[re.Pattern[str], str]]:
    """Literal paths before those with a placeholder, as agent/ping before agent/{command}."""
    templates = sorted({path for _, path in operations(version)}, key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\{([\w-]+)\}", _group, path)), path) for path in templates]


def _group(match: re.Match[str]) -> str:
    return f"(?P<{match[1].replace('-', '_')}>[^/]+)"


def _file(version: str) -> Path:
    """The description, which `make` fetches; a test without it is skipped with the reason, and fails in CI."""
    file = DESCRIPTIONS / FOLDERS[version] / "openapi.json"
    if not file.exists():
        missing = (
            f"{file.relative_to(ROOT)} is not on this machine: .venv/bin/python -m scripts.fetch_proxmox"
        )
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return file


def _operation(method: str, path: str, raw: Mapping[str, Any]) -> Operation:
    properties: dict[str, Schema] = {}
    for parameter in raw.get("parameters", ()):
        schema = parameter["x-proxmox"]["raw"]
        inner = schema.get("properties")
        properties[parameter["name"]] = (
            inner[parameter["name"]] if parameter["in"] == "path" and inner else schema
        )
    body = raw.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    properties.update(body.get("properties", {}))
    more = raw.get("x-proxmox", {})
    answer = raw.get("responses", {}).get("200", {}).get("content", {})
    return Operation(
        method,
        path,
        properties,
        more.get("permissions"),
        bool(more.get("allowtoken")),
        answer.get("application/json", {}).get("schema", {}),
    )
