"""What a target declares of its host: the spec, where things are by it, and what the deployment record must say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgdeploy.core.remedy import By, Remedy
from pgdeploy.layers.host.layout import Layout

if TYPE_CHECKING:
    from pgdeploy.core.layer import Declared
    from pgdeploy.layers.host.layout import Layout
    from pgdeploy.model.host.spec import HostSpec
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True)
class DeclaredHost:
    """The host of one target. `digest` gives the spec's, with all that it extends."""

    target: str
    spec: Spec
    digest: Callable[[], str] = field(default=str, compare=False)

    @property
    def layout(self) -> Layout:
        return Layout(self.spec)

    @property
    def host(self) -> HostSpec:
        return self.layout.host

    def remedy(self, before: str = "", after: str = "") -> Remedy:
        """What a finding says where the deploy puts it right."""
        deploy = f"pyinfra inventory.py pyinfra_deploys/pg01.py --limit {self.target} puts it right"
        return Remedy(f"{before}{deploy}{after}", By.DEPLOY)


def declared_host(declared: Declared) -> DeclaredHost | None:
    """The host of a target; None when its spec has no `host:`."""
    if declared.spec.host is None:
        return None
    return DeclaredHost(declared.target, declared.spec, declared.digest)
