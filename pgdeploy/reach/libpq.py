"""What libpq takes from the environment: for a DSN as in psql, for servers of our own nothing at all.

A server of our own is reached by a socket of our own. A PGPORT, a PGSERVICE or a PGREQUIREAUTH in the environment is
meant for another one. Programs that we start get none of it: a PGPASSWORD is not ssh's business.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_NOT_OPTIONS = ("PGSERVICE", "PGTZ", "PGDATESTYLE", "PGGEQO")
"""libpq reads these whatever a connection says: an empty service is the name of one, and the others are no options."""

_NEVER_EMPTY = {
    "passfile": f"{os.devnull}/none",  # empty stands for the one of the home directory
    "connect_timeout": "10",
    "require_auth": "!password,!md5",  # empty allows no way to ask for a password at all
    "sslmode": "disable",
    "sslcertmode": "disable",
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
}
"""What libpq does not take an empty value of."""

_taken: dict[str, str] = {}


def take_environment() -> None:
    """Take out of the environment what no connection can say no to; `service` still knows it.

    At the start of a process: nobody else may read the environment at that moment.
    """
    for name in _NOT_OPTIONS:
        if (value := os.environ.pop(name, None)) is not None:
            _taken[name] = value


def service() -> str | None:
    """The service of PGSERVICE, for a connection by DSN."""
    return os.environ.get("PGSERVICE") or _taken.get("PGSERVICE") or None


def foreign_variables() -> list[str]:
    """What stands in the environment for libpq and is not for other programs: a password, files, addresses."""
    return [name for name in os.environ if name.startswith("PG") and not name.startswith("PGDEPLOY_")]


def environment_of_children() -> dict[str, str]:
    """The environment for ssh, docker and other programs that have no use for libpq's variables."""
    foreign = set(foreign_variables())
    return {name: value for name, value in os.environ.items() if name not in foreign}


def isolated(options: Mapping[str, object]) -> dict[str, Any]:
    """The options, and every other that libpq would look up in the environment as if it were empty there."""
    take_environment()
    return {**_defaults(), **options}


@lru_cache(maxsize=1)
def _defaults() -> dict[str, object]:
    from psycopg.pq import Conninfo

    known = {
        option.keyword.decode(): (option.compiled or b"").decode()
        for option in Conninfo.get_defaults()
        if option.envvar is not None
    }
    return {
        keyword: _NEVER_EMPTY.get(keyword, value) for keyword, value in known.items() if keyword != "service"
    }
