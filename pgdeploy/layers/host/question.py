"""What the gate asks a host, and what came back: one question, one script, one answer."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.host import guest
from pgdeploy.layers.host.deployment import RECORD
from pgdeploy.layers.host.exporter_container import CONTAINER
from pgdeploy.layers.host.folder import folders
from pgdeploy.layers.host.osuser import users
from pgdeploy.layers.host.path import paths
from pgdeploy.layers.host.service import units

if TYPE_CHECKING:
    from pgdeploy.layers.host.declared import DeclaredHost


@cache
def script() -> str:
    """What runs on the host: one script, so what gather.py takes from its neighbour stands in the import's place."""
    folder = files("pgdeploy.layers.host")
    whole, part = ((folder / name).read_text(encoding="utf-8") for name in ("gather.py", "way_to_root.py"))
    future = "from __future__ import annotations\n"
    return whole.replace(
        "from pgdeploy.layers.host.way_to_root import ways_to_root\n", part.replace(future, "")
    )


def question(declared: DeclaredHost) -> dict[str, Any]:
    """What the script looks at. It holds no secret."""
    layout, host = declared.layout, declared.host
    older = {"TLSv1.2": "TLSv1.1", "TLSv1.3": "TLSv1.2"}
    tls = (
        {"older": older[host.tls.minimum], "certificate": layout.certificate, "key": layout.key}
        if host.tls
        else None
    )
    return {
        "sysctl": list(host.kernel.sysctl) if host.kernel else [],
        "packages": list(layout.packages),
        "origins": [layout.packages[0]],
        "time_zone": host.time_zone,
        "mount": host.cluster.mount,
        "disks": guest.asked(declared),
        "units": sorted(units(declared)),
        "unit": layout.unit,
        "paths": {path.path: path.readable for path in paths(declared)},
        "folders": [folder.path for folder in folders(declared)],
        "data_directory": layout.data_directory,
        "config_folder": layout.config_folder,
        "binaries": layout.binaries,
        "users": users(declared),
        "record": RECORD,
        "firewall": host.firewall is not None,
        "exporter": host.exporter.reach if host.exporter else None,
        "container": CONTAINER if host.exporter and host.exporter.run == "compose" else None,
        "address": reach(layout.listen_addresses),
        "port": layout.port,
        "tls": tls,
    }


def reach(listen: tuple[str, ...]) -> str:
    """Where the host itself reaches what listens so."""
    if not listen or {"*", "0.0.0.0", "localhost", "127.0.0.1"} & set(listen):  # noqa: S104 - read, not bound
        return "127.0.0.1"
    return "::1" if listen[0] == "::" else listen[0]
