"""conf.d, pg_hba.conf and pg_ident.conf from the spec: tried before they can hurt, loaded as each needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pyinfra.api import StringCommand, deploy, operation

from pgdeploy.layers.host.file import hba_file, ident_file, settings_file
from pgdeploy.layers.server.identfile import SINCE
from pyinfra_deploys.system import huge_pages
from pyinfra_deploys.this import ensure, layout, target


@deploy("Configuration")
def configuration() -> None:
    """The server runs, with the spec's settings and rules loaded, in huge pages that were there before it started."""
    kernel = layout().host.kernel
    if kernel is not None and kernel.huge_pages is not False:
        huge_pages(name="Huge pages for the server's shared memory")
    configured(name="Settings, pg_hba.conf and pg_ident.conf, loaded by the running server")


@operation()
def configured() -> Iterator[StringCommand]:
    """All files at once: what the server refuses, in any, leaves all as they were."""
    yield from ensure("configure", _question())


def _question() -> dict[str, Any]:
    spec, here = target().spec, layout()
    files = (settings_file(spec, reveal=True), hba_file(spec, reveal=True), ident_file(spec))
    return {
        "files": [asdict(file) for file in files if file is not None],
        "maps": spec.ident is not None and spec.postgres >= SINCE,
        "watched": [here.certificate, here.key] if here.host.tls else [],
        "unit": here.unit,
        "limits": here.host.limits.model_dump() if here.host.limits else {},
        "config": f"{here.config_folder}/postgresql.conf",
        "postgres": f"{here.binaries}/postgres",
        "socket_folder": here.socket_folder,
        "port": here.port,
        "start_log": f"/var/log/postgresql/postgresql-{here.major}-{here.cluster}.log",
    }
