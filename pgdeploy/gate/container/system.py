"""Which Debian a spec's throw-away host is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.host.layout import RELEASES

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

CODENAMES = {"debian-12": "bookworm", "debian-13": "trixie"}
_OWN = {RELEASES[codename]: name for name, codename in CODENAMES.items()}
"""The PostgreSQL that comes with each."""


def system(spec: Spec) -> str:
    """`debian-12` or `debian-13`: the one that has the spec's packages.

    Raises:
        TargetError: neither distribution has this major version.
    """
    source = spec.host.packages.source if spec.host is not None else "distribution"
    if source == "distribution":
        if spec.postgres not in _OWN:
            raise TargetError(
                f"a container has Debian 12 or 13, which come with PostgreSQL 15 and 17, and the spec is for "
                f"{spec.postgres}; write `host: {{packages: {{source: pgdg}}}}`"
            )
        return _OWN[spec.postgres]
    suite = "" if isinstance(source, str) else source.suite
    return next((name for name, code in CODENAMES.items() if suite.startswith(code)), "debian-12")
