"""pgBackRest: configured before the server archives, then the stanza, the first full backup, and the timers."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import dirname
from typing import TYPE_CHECKING, Any

from pyinfra.api import DeployError, StringCommand, deploy, operation
from pyinfra.operations import files

from pgdeploy.layers import layer_of
from pgdeploy.layers.backup.pgbackrest.config import FILE, SPOOL, config_file
from pgdeploy.layers.backup.pgbackrest.timer import timers, unit_files
from pgdeploy.layers.host.file import HostFile
from pgdeploy.text.problem import ValueProblem
from pyinfra_deploys.secretfile import placed
from pyinfra_deploys.this import ensure, layout, target
from pyinfra_deploys.write import folder, put

if TYPE_CHECKING:
    from pgdeploy.model.pgbackrest import PgbackrestSpec

DEBIANS = "/etc/pgbackrest.conf"


def _section() -> PgbackrestSpec | None:
    """The section of the spec, where its engine runs on the host."""
    section = layer_of("backup").of(target().spec)
    return section if section is not None and section.engine == "pgbackrest" else None


@deploy("Backup configuration")
def backup_files() -> None:
    """What pgBackRest reads is there before the server hands it the first file of WAL."""
    section = _section()
    if section is None:
        return
    # Debian gives it to postgres, who could write root's commands into it; it is not read where ours is
    files.file(
        name="Debian's pgbackrest.conf is root's", path=DEBIANS, user="root", group="postgres", mode="640"
    )
    folder(
        HostFile(dirname(FILE), "", "root", "root", "0755"), name="The folder of pgBackRest's configuration"
    )
    folder(HostFile(SPOOL, "", "postgres", "postgres", "0750"), name="pgBackRest's spool")
    for place in section.repositories:
        if place.s3 is None:
            repository = HostFile(place.folder, "", "postgres", "postgres", "0750")
            folder(repository, name=f"The repository {place.folder}")
    try:
        configuration = config_file(target().spec, section, reveal=True)
    except ValueProblem as error:
        raise DeployError(str(error)) from None
    placed([configuration], name="pgBackRest's configuration")


@deploy("Backups")
def backup() -> None:
    """The stanza, once the server archives; a first full backup, without which WAL would only pile up; the timers."""
    section = _section()
    if section is None:
        return
    stanza(name=f"Stanza {section.stanza}, and a full backup in each repository")
    for file in unit_files(target().spec, section):
        put(file, f"The unit {file.path.rpartition('/')[2]}")
    for timer in timers(section):
        ticking(timer, name=f"{timer} ticks")


@operation()
def stanza() -> Iterator[StringCommand]:
    """Made, or brought to a newer PostgreSQL; each repository has a full backup of this cluster."""
    section = _section()
    if section is not None:
        yield from ensure("stanza", _question(section))


def _question(section: PgbackrestSpec) -> dict[str, Any]:
    here = layout()
    return {
        "stanza": section.stanza,
        "repositories": len(section.repositories),
        "major": here.major,
        "binaries": here.binaries,
        "data_directory": here.data_directory,
        "socket_folder": here.socket_folder,
        "port": here.port,
    }


@operation()
def ticking(timer: str) -> Iterator[StringCommand]:
    """Enabled and started, and as its file says."""
    yield from ensure("unit", {"unit": timer, "paths": [f"/etc/systemd/system/{timer}"]})
