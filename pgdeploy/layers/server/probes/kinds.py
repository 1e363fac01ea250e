"""The registry of probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdeploy.layers.server.resource import ServerResource
    from pgdeploy.model.spec import Spec


def probes(spec: Spec) -> tuple[ServerResource, ...]:
    """Every probe that the spec gives rise to."""
    from pgdeploy.layers.server.probes import backup, default_privilege, grant, login

    return tuple(probe for kind in (login, backup, default_privilege, grant) for probe in kind.probes(spec))
