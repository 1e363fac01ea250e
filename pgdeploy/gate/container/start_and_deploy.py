"""What `--on container` gives: a throw-away host, deployed from the spec, and its server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pgdeploy.gate.container.start import start
from pgdeploy.gate.container.system import system
from pgdeploy.gate.deploy import deploy, require_host
from pgdeploy.reach.container import ContainerServer
from pgdeploy.secret.reference import stand_ins

if TYPE_CHECKING:
    from pgdeploy.gate.container.image import Note
    from pgdeploy.gate.target import Target


def _names(target: Target) -> list[str]:
    ssh = target.spec.ssh
    return [target.name, *([ssh.host] if ssh is not None else [])]


def start_and_deploy(target: Target, socket_path: str, note: Note) -> ContainerServer:
    """Start a host and deploy the target on it. Secrets that are not set are made up for this run.

    Raises:
        MissingExtra, TargetError: one of the steps fails; nothing is left behind.
    """
    spec = target.spec
    require_host(target, reached=True)
    mount = spec.host.cluster.mount if spec.host is not None else None
    throw_away = start(system(spec), _names(target), disks=[mount] if mount else [], note=note)
    try:
        made = stand_ins(spec.secrets)
        if made:
            note(f"not set in the environment; using generated passwords in the container: {', '.join(made)}")
        os.environ.update(made)  # for the probes, which log in with them
        deploy(target, throw_away.ssh_config, note, throw_away=True)
        return ContainerServer(throw_away.container, socket_path, throw_away.close)
    except BaseException:
        throw_away.close()
        raise
