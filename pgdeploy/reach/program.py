"""PostgreSQL's own client programs: where they are, and how they get to a server that we got to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.programs import wheel_bin

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg

_INSTALLED = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")
"""Where the packages of Debian, of RPM distributions and of Homebrew keep the programs of each version."""
_WRAPPER = "pg_wrapper"
"""What PATH leads to on Debian: it chooses a version itself, by what is configured on that machine."""
_TAKEN = ("host", "hostaddr", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "gssencmode")
"""Options of a connection that programs of any version understand."""


def found_program(name: str, major: int = 0) -> Path:
    """A program of this major version of PostgreSQL, else of the next later one; without a version, that of PATH.

    Raises:
        TargetError: it is not installed.
    """
    candidates = list(_candidates(name))
    if major:
        known = sorted(
            (found, number) for number, path in enumerate(candidates) if (found := _major(path)) >= major
        )
        candidates = [candidates[number] for _, number in known]
    if candidates:
        return candidates[0]
    version = f" of PostgreSQL {major} or later" if major else ""
    raise TargetError(f"{name}{version} is not installed here; it comes with PostgreSQL's client programs")


def _candidates(name: str) -> Iterator[Path]:
    """That of PATH, installed ones with the newest first, that of the wheel, which cannot do TLS."""
    in_path = shutil.which(name)
    if in_path is not None and Path(in_path).resolve().name != _WRAPPER:
        yield Path(in_path)
    installed = (path for pattern in _INSTALLED for path in Path("/").glob(f"{pattern}/{name}"))
    yield from sorted(installed, key=_major, reverse=True)
    for major in (16, 18):
        with suppress(MissingExtra):
            path = wheel_bin(major) / name
            if os.access(path, os.X_OK):
                yield path


@cache
def _major(path: Path) -> int:
    """By its folder, else by what it says of itself."""
    named = re.search(r"/(?:postgresql/|pgsql-|postgresql@)(\d+)/bin/", str(path))
    if named is not None:
        return int(named[1])
    done = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
    return major_of(done.stdout)


def major_of(version: str) -> int:
    """The major version in what a program says of itself: "pg_dump (PostgreSQL) 15.14"; 0 where it says none."""
    said = re.search(r"\) (\d+)", version)
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
