"""The Docker engine that a spec names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.reach.docker import Engine
from pgdeploy.reach.login import Login, ssh_options

if TYPE_CHECKING:
    from pgdeploy.model.docker import DockerSpec


def engine_of(docker: DockerSpec | None) -> Engine:
    """This machine's, unless another one is named. Nothing is reached yet. Close it when done."""
    if docker is None:
        return Engine()
    if docker.ssh is None:
        return Engine(context=docker.context or "")
    return Engine(Login(docker.ssh.host, ssh_options(**docker.ssh.options)), sudo=docker.sudo)
