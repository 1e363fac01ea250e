"""What is asked of pgBackRest's host: a script of ours and its question, in one command."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.pgbackrest.config import FILE, SECRET_OPTIONS
from pgdeploy.layers.backup.pgbackrest.timer import timers
from pgdeploy.layers.host.layout import Layout
from pgdeploy.secret.masked import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pgdeploy.model.pgbackrest import PgbackrestSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

RECORDS = "/var/lib/pgdeploy/restores"
"""Where a host keeps records of restores that were proved."""

_FUTURE = "from __future__ import annotations\n"
_TAKEN = re.compile(r"from pgdeploy\.layers\.backup\.pgbackrest\.on_host\.common import (\([^)]*\)|.*)\n")


@cache
def script(name: str) -> str:
    """One script: what it takes from `common` stands in the import's place, as nothing of ours is on the host."""
    folder = files("pgdeploy.layers.backup.pgbackrest.on_host")
    whole, part = ((folder / f"{one}.py").read_text(encoding="utf-8") for one in (name, "common"))
    common = part.replace(_FUTURE, "")
    return _TAKEN.sub(lambda _: common, whole)


def ask(server: Server, name: str, question: Mapping[str, Any]) -> Any:
    """What a script of ours answers there.

    Raises:
        TargetError: there is no host, it is out of reach, or what the script was to do failed.
    """
    if server.host is None:
        raise TargetError("pgBackRest runs on the server's host, which this way does not reach: use ssh")
    said = server.host.ask(script(name), question)
    if "failed" in said:
        raise TargetError(f"{server.host.address}: {said['failed']}")
    return said["answer"]


def pgbackrest(server: Server, section: PgbackrestSpec, *words: str) -> dict[str, Any]:
    """pgBackRest as the server's user. Raises TargetError: the host is out of reach."""
    done: dict[str, Any] = ask(server, "run", {"stanza": section.stanza, "words": words})
    return done


def of_layout(spec: Spec) -> dict[str, Any]:
    """Where the cluster is, for every script."""
    layout = Layout(spec)
    return {
        "data_directory": layout.data_directory,
        "binaries": layout.binaries,
        "unit": layout.unit,
        "socket_folder": layout.socket_folder,
        "port": layout.port,
    }


def gathering(spec: Spec, section: PgbackrestSpec) -> dict[str, Any]:
    """What the gate asks. It holds no secret."""
    return {
        **of_layout(spec),
        "stanza": section.stanza,
        "repositories": len(section.repositories),
        "config": FILE,
        "secret_options": SECRET_OPTIONS,
        "mask": MASK,
        "timers": timers(section),
        "records": RECORDS,
    }


def program(server: Server, path: str, words: Sequence[str], **environment: str) -> dict[str, Any]:
    """Another program as the server's user. Raises TargetError: the host is out of reach."""
    question = {"program": path, "words": words, "environment": environment}
    done: dict[str, Any] = ask(server, "run", question)
    return done
