"""The layer of thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.layer import Declared, Layer

if TYPE_CHECKING:
    from pgdeploy.core.check import Resource
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server
    from pgdeploy.spec.model import Model


class ThresholdLayer(Layer):
    """Nothing makes it: it is measured."""

    name: ClassVar[str] = "threshold"
    title: ClassVar[str] = "the thresholds"
    description: ClassVar[str] = "checks of what the running server uses, waits for and lags behind"
    requires: ClassVar[tuple[str, ...]] = ("vm",)
    markers: ClassVar[Mapping[str, str]] = {"threshold": "thresholds"}
    word: ClassVar[str] = "thresholds"

    def section(self) -> type[Model]:
        from pgdeploy.model.threshold import ThresholdsSpec

        return ThresholdsSpec

    def declared_in(self, spec: Spec) -> bool:
        return self.of(spec) is not None

    def resources(self, declared: Declared) -> tuple[Resource, ...]:
        from pgdeploy.layers.threshold.check import thresholds

        found = self.of(declared.spec)
        return () if found is None else thresholds(found)

    def read(self, declared: Declared, server: Server) -> Mapping[str, Any]:
        from pgdeploy.layers.threshold.reading import measured
        from pgdeploy.model.host.need import needs

        kept = {what: path for section in needs(declared.spec) for what, path in section.host_folders.items()}
        return {"sections": {self.name: measured(self.of(declared.spec), server, kept)}}
