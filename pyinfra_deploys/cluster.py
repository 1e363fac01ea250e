"""The cluster: made once, with what only initdb can decide, on the data directory that the spec names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyinfra.api import StringCommand, deploy, operation

from pgdeploy.layers.host.declared import declared_host
from pgdeploy.layers.host.file import HostFile
from pgdeploy.layers.host.folder import folders
from pyinfra_deploys.this import ensure, layout, target
from pyinfra_deploys.write import folder


@deploy("Cluster")
def cluster() -> None:
    """pg_createcluster on the declared data directory; an existing cluster stays as it is."""
    here = layout()
    created(name=f"Cluster {here.major}/{here.cluster} in {here.data_directory}")
    data = HostFile(here.data_directory, "", "postgres", "postgres", "0700")
    folder(data, name="The data directory is the server's alone")
    alone(name="Nobody else may write where its files are")


@operation()
def created() -> Iterator[StringCommand]:
    """The cluster, when there is none; preflight has refused what would stand in its way."""
    yield from ensure("cluster", _question())


@operation()
def alone() -> Iterator[StringCommand]:
    """Of the folders above our files those in /etc; what others have elsewhere they may have for a reason."""
    declared = declared_host(target().declared)
    if declared is None:
        return
    yield from ensure(
        "writers", {"folders": {known.path: known.owner for known in folders(declared) if known.ours}}
    )


def _question() -> dict[str, Any]:
    here = layout()
    spec = here.host.cluster
    return {
        "version": str(here.major),
        "name": here.cluster,
        "data_directory": here.data_directory,
        "port": here.port,
        "locale": spec.locale,
        "encoding": spec.encoding,
        "checksums": spec.checksums,
    }
