"""PostgreSQL's own client programs: where they are, and how they get to a server that we got to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.reach.libpq import environment_of_children

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

_DEBIAN = Path("/usr/lib/postgresql")
_TAKEN = ("host", "hostaddr", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "gssencmode")
"""Options of a connection that programs of any version understand."""


def found_program(name: str, least: int = 0) -> Path:
    """A program of this major version of PostgreSQL, or of a later one; the one of PATH before those of Debian.

    Raises:
        TargetError: there is none.
    """
    known = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=_major)
    in_path = shutil.which(name)
    candidates = [Path(in_path).resolve()] if in_path else []
    for path in (*candidates, *known):
        if not least or _major(path) >= least:
            return path
    version = f" of PostgreSQL {least} or later" if least else ""
    raise TargetError(f"{name}{version} is not installed here; it comes with PostgreSQL's programs")


def _major(path: Path) -> int:
    """By its folder, else by what it says of itself."""
    named = re.search(r"/postgresql/(\d+)/bin/", str(path))
    if named is not None:
        return int(named[1])
    done = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
    said = re.search(r"\) (\d+)", done.stdout)
    return int(said[1]) if said is not None else 0


def way_of(connection: psycopg.Connection[Any], user: str, database: str) -> str:
    """The conninfo that leads where this connection does, without its password."""
    from psycopg.conninfo import make_conninfo

    known = connection.info.get_parameters()
    way = {word: known[word] for word in _TAKEN if known.get(word)}
    way |= {"host": connection.info.host, "port": str(connection.info.port)}
    return make_conninfo("", **way, user=user, dbname=database)


def environment(password: str | None, more: Mapping[str, str]) -> dict[str, str]:
    """Of a program that logs in with this password, and takes nothing else from ours that is libpq's."""
    secret = {"PGPASSWORD": password} if password is not None else {}
    return environment_of_children() | {"PGPASSFILE": f"{os.devnull}/none"} | dict(more) | secret
