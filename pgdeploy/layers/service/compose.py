"""compose.yaml of a project. It holds no secret, and names no file of this machine."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.service.container import CAPABILITIES, SECRETS
from pgdeploy.model.host.amount import bytes_of, seconds_of
from pgdeploy.model.service import DEFAULT_NETWORK, PostgresService

if TYPE_CHECKING:
    from pgdeploy.layers.service.container import Container
    from pgdeploy.model.service import ServicesSpec

MADE_FROM = "org.pgdeploy.compose"
"""The label by which a container can be made again as it was: its part of this document, as JSON."""


def project(
    section: ServicesSpec,
    declared: Sequence[Container],
    dress: Callable[[Mapping[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """The document, as compose reads it, with every service of these; `dress` has the last word on each."""
    return {
        "name": section.project,
        "services": {one.name: dress(service(one)) for one in declared},
        "networks": {
            DEFAULT_NETWORK: {},
            **{name: {"internal": network.internal} for name, network in section.networks.items()},
        },
        "volumes": {
            volume: _volume(one, folder) for one in declared for folder, volume in one.volumes.items()
        },
    }


def _volume(one: Container, folder: str) -> dict[str, Any]:
    exists = folder == one.data and one.spec.volume is not None
    return {"external": True, "name": one.volume(folder)} if exists else {}


def labelled(body: Mapping[str, Any]) -> dict[str, Any]:
    """A service that says itself how it was made."""
    return {**body, "labels": {MADE_FROM: json.dumps(body, sort_keys=True)}}


def service(one: Container) -> dict[str, Any]:
    """One service."""
    spec = one.spec
    limits = {
        "mem_limit": bytes_of(spec.memory) if spec.memory is not None else None,
        "cpus": spec.cpus,
        "pids_limit": spec.processes,
        "shm_size": bytes_of(spec.shared_memory) if isinstance(spec, PostgresService) else None,
    }
    return {
        "image": one.image,
        "command": list(one.command),
        "environment": one.environment,
        "volumes": [
            {"type": "volume", "source": volume, "target": folder, "read_only": folder == SECRETS}
            for folder, volume in one.volumes.items()
        ],
        "ports": [_published(port, one.port) for port in spec.ports],
        "networks": list(spec.networks),
        **{key: value for key, value in limits.items() if value is not None},
        "restart": spec.restart,
        "stop_grace_period": _span(spec.stop),
        "healthcheck": {
            "test": list(one.question),
            "interval": _span(spec.health.interval),
            "timeout": _span(spec.health.timeout),
            "retries": spec.health.retries,
            "start_period": _span(spec.health.start),
        },
        "logging": {"driver": "json-file", "options": log_options(one)},
        "cap_drop": ["ALL"],
        "cap_add": list(CAPABILITIES),
        "security_opt": ["no-new-privileges:true"],
    }


def log_options(one: Container) -> dict[str, str]:
    """Of the engine's own log driver."""
    return {"max-size": str(bytes_of(one.spec.log.size)), "max-file": str(one.spec.log.files)}


def _published(port: str, inner: int) -> dict[str, Any]:
    address, _, outer = port.rpartition(":")
    return {"host_ip": address.strip("[]"), "published": outer, "target": inner, "protocol": "tcp"}


def _span(text: str) -> str:
    return f"{seconds_of(text):.3f}".rstrip("0").rstrip(".") + "s"


def as_yaml(document: Mapping[str, Any]) -> str:
    """As a file. To compose a `$` begins a variable, and two of them are a `$`."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = False, 4096
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    yaml.dump(_escaped(document), out)
    return out.getvalue()


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value
