"""What a release asks when it has changed a server: the smoke run, or what of it can be asked while users are out."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from pgdeploy.gate.gate import Gate
from pgdeploy.layers import LAYERS, SERVER, layer_of
from pgdeploy.lifecycle.smoke import chosen, smoke
from pgdeploy.model.smoke import SmokeSpec

if TYPE_CHECKING:
    from pgdeploy.core.check import Check
    from pgdeploy.gate.target import Target
    from pgdeploy.lifecycle.smoke import Health

_ALL = "*"


def another(gate: Gate, target: Target | None = None) -> Gate:
    """A gate that has read nothing yet, on the same server."""
    return Gate(target or gate.target, gate.way, note=gate.note, server=gate.server)


def whole(gate: Gate, without: Collection[str] = ()) -> Health:
    """The smoke run, without checks of these ids; everything is read anew."""
    return of_read(another(gate), without)


def of_read(gate: Gate, without: Collection[str] = ()) -> Health:
    """The same of what this gate has read already."""
    section, layers = _chosen(gate.target)
    return smoke(gate, section, lambda check: check.resource.layer in layers and check.id not in without)


def _chosen(target: Target) -> tuple[SmokeSpec, frozenset[str]]:
    """What a spec calls healthy. Where that is all checks, those are left out that no release touches: a backup that is
    too old, or the machine's disk, is no reason to take one back."""
    section = target.spec.smoke or SmokeSpec.model_validate({})
    if _ALL not in section.checks:
        return section, frozenset(layer.name for layer in LAYERS)
    touched = {layer.name for layer in LAYERS if SERVER.name in layer.requires}
    return section, frozenset({SERVER.name, *touched})


def of_revisions(target: Target) -> frozenset[str]:
    """Ids of the checks that are red where revisions are pending on purpose."""
    checks = target.checks_of(layer_of("migration").name)
    return frozenset(check.id for check in checks if check.field in ("head", "models"))


def without_logins(gate: Gate, meanwhile: Target, without: Collection[str] = ()) -> Health:
    """The part of the smoke run that logs in as nobody: what SQL makes, asked of the target as it is meanwhile."""
    section, _ = _chosen(gate.target)
    layers = {layer.name for layer in LAYERS if layer.in_server or layer is SERVER}
    probes = {check.id for check in gate.target.probes}
    wanted = {check.id for check in chosen(section, another(gate).checks)} - probes - set(without)

    def keep(check: Check) -> bool:
        return check.id in wanted and check.resource.layer in layers

    all_of_it = SmokeSpec.model_validate({"time_limit": section.time_limit})
    return smoke(another(gate, meanwhile), all_of_it, keep)
