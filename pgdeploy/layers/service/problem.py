"""What is wrong with `services:` and only the whole spec shows; what of it concerns this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.layers.service.redis.setting import check_setting
from pgdeploy.model.service import PostgresService, RedisService
from pgdeploy.spec.extends import is_inside
from pgdeploy.spec.problem import Problem
from pgdeploy.text.problem import ValueProblem

if TYPE_CHECKING:
    from pgdeploy.model.service import ServicesSpec
    from pgdeploy.model.spec import Spec

_TIMESCALE = "timescaledb"


def problems(spec: Spec, section: ServicesSpec) -> Iterator[Problem]:
    """Settings that Redis does not have, containers without a way in, a library that is not loaded."""
    for name, service in section.containers.items():
        keys = ("services", "containers", name)
        if isinstance(service, RedisService):
            for setting, value in service.settings.items():
                try:
                    check_setting(setting, value, service.major)
                except ValueProblem as error:
                    yield Problem((*keys, "settings", setting), str(error))
        elif service.kind == _TIMESCALE and not _loads(spec):
            line = f"`settings: {{shared_preload_libraries: [{_TIMESCALE}]}}`"
            message = f"{line} is missing, without which it does not load"
            yield Problem((*keys, "kind"), message)
    if not section.containers:
        yield Problem(("services", "containers"), "names no service")
    servers = [name for name, one in section.containers.items() if isinstance(one, PostgresService)]
    if len(servers) > 1 and spec.connect is None:
        message = f"which of {', '.join(servers)} is this spec about? Write `connect: {{docker: {{container: ...}}}}`"
        yield Problem(("services", "containers"), message)


def _loads(spec: Spec) -> bool:
    value = spec.settings.get("shared_preload_libraries", ())
    return _TIMESCALE in (value if isinstance(value, tuple) else str(value).replace(" ", "").split(","))


def uses(spec: Spec, section: ServicesSpec, root: Path) -> Iterator[Problem]:
    """What runs here, or reads files of this machine beyond `root`."""
    if spec.docker is None or spec.docker.ssh is None:
        yield Problem(("services",), "runs containers on this machine's Docker engine")
    for name, service in section.containers.items():
        if service.tls is not None and not is_inside(Path(service.tls.certificate), root):
            message = f"reads a file that is not in {root}{os.sep}"
            yield Problem(("services", "containers", name, "tls", "certificate"), message)
