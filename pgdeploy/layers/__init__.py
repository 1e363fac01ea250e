"""The parts of a target, one folder each. `LAYERS` is the only registry, in the order in which a target is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.layers.backup.layer import BackupLayer
from pgdeploy.layers.host.layer import HostLayer
from pgdeploy.layers.migration.layer import MigrationLayer
from pgdeploy.layers.seed.layer import SeedLayer
from pgdeploy.layers.server.layer import ServerLayer
from pgdeploy.layers.service.layer import ServiceLayer
from pgdeploy.layers.threshold.layer import ThresholdLayer
from pgdeploy.layers.vm.layer import VmLayer
from pgdeploy.layers.workload.layer import WorkloadLayer

if TYPE_CHECKING:
    from pgdeploy.core.layer import Layer

SERVER = ServerLayer()
"""What a plan of SQL is of."""

LAYERS: tuple[Layer, ...] = (
    VmLayer(),
    ServiceLayer(),
    SERVER,
    HostLayer(),
    MigrationLayer(),
    SeedLayer(),
    ThresholdLayer(),
    WorkloadLayer(),
    BackupLayer(),
)


def layer_of(name: str) -> Layer:
    """The layer of a name."""
    return next(layer for layer in LAYERS if layer.name == name)
