"""How to reach the server of a target, starting it where it is ours."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.gate.target import server_inside
from pgdeploy.reach.engine import engine_of
from pgdeploy.text.name_pattern import SSH_HOST

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.model.connect import InContainer
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.embedded import Embedded
    from pgdeploy.reach.login import SshWay
    from pgdeploy.reach.server import Server


def connect(
    target: Target,
    on: str = "live",
    *,
    dsn: str | None = None,
    ssh_config: Path | None = None,
    data_dir: Path | None = None,
    bin_dir: Path | None = None,
    new_cluster: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Server:
    """Reach the server that `--on` names, starting it if it is ours; a container is deployed too. Close it when done.

    `note` is told what the user should know of it. Without `new_cluster` there must be a cluster in `data_dir`.

    Raises:
        TargetError: it cannot be reached or started.
        MissingExtra: this way needs a package that is not installed.
    """
    if on == "embedded":
        from pgdeploy.reach.embedded import start_embedded

        server = start_embedded(target.spec.postgres, data_dir, bin_dir, make=new_cluster)
        return _with_secrets(target, server, data_dir, note)
    if on == "container":
        from pgdeploy.gate.container.start_and_deploy import start_and_deploy

        return start_and_deploy(target, _socket(target.spec), note)
    from pgdeploy.reach.dsn import DsnServer

    written = target.spec.connect
    if dsn is not None:
        return DsnServer(dsn)
    if (inside := server_inside(target.spec)) is not None and ssh_config is None:
        return _in_container(target.spec, inside)
    if written is not None and written.dsn is not None and ssh_config is None:
        return DsnServer(
            written.dsn, written=f"{target.file}: connect.dsn", require_auth=written.require_auth
        )
    from pgdeploy.reach.ssh import SshServer

    way = ssh_way(target, ssh_config)
    if way is None:
        raise TargetError(
            f"{target.file}: nothing says how to reach {target.name}: write `connect:` or give --dsn"
        )
    return SshServer(way.host, way.options, _socket(target.spec))


def _in_container(spec: Spec, inside: InContainer) -> Server:
    from pgdeploy.reach.docker import ComposeService, DockerServer

    where = inside.container or ComposeService(inside.project or "", inside.service or "")
    return DockerServer(engine_of(spec.docker), where, inside.user, inside.port)


def _with_secrets(
    target: Target, server: Embedded, data_dir: Path | None, note: Callable[[str], None]
) -> Server:
    if server.made and data_dir is not None:
        note(f"{data_dir} held no cluster: made a new one, which is empty")
    try:
        made_up = server.stand_in_secrets(target.spec.secrets)
    except BaseException:
        server.close()
        raise
    if made_up:
        note(
            f"not set in the environment; using generated passwords on the embedded server: {', '.join(made_up)}"
        )
    return server


def ssh_way(target: Target, ssh_config: Path | None) -> SshWay | None:
    """How ssh reaches the host; None when nothing says so.

    An ssh_config says all about it, so that another address can be proved, and the spec need not say anything.
    """
    from pgdeploy.reach.login import SshWay, ssh_options

    written = target.spec.ssh
    if ssh_config is not None:
        host = written.host if written is not None else require_ssh_name(target)
        return SshWay(host, ssh_options(config=str(ssh_config)))
    return SshWay(written.host, ssh_options(**written.options)) if written is not None else None


def require_ssh_name(target: Target) -> str:
    """The target's name, for ssh. Raises TargetError when ssh's files could take it for a command."""
    if not re.fullmatch(SSH_HOST[0], target.name):
        raise TargetError(
            f"{target.file}: ssh takes no host of this name; rename the file, or write `connect:`"
        )
    return target.name


_USUAL_FOLDER = "/var/run/postgresql"
USUAL_SOCKET = f"{_USUAL_FOLDER}/.s.PGSQL.5432"
"""Where Debian puts the server's socket on its host."""


def _socket(spec: Spec) -> str:
    """The server's own socket on its host, where the spec or else Debian puts it."""
    folder = spec.settings.get("unix_socket_directories", _USUAL_FOLDER)
    first = folder[0] if isinstance(folder, tuple) else str(folder).split(",")[0].strip()
    return f"{first}/.s.PGSQL.{spec.settings.get('port', 5432)}"
