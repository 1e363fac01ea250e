"""A Redis that is started with `appendonly` and finds no append-only file begins empty, whatever its dump holds.

So the file is written by the running server before it is started anew, or nothing is done.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pgdeploy.errors import TargetError
from pgdeploy.layers.service.ask_redis import ask
from pgdeploy.layers.service.redis.setting import canonical
from pgdeploy.model.service import RedisService
from pgdeploy.reach.docker import APART

if TYPE_CHECKING:
    from pgdeploy.layers.service.container import Container
    from pgdeploy.reach.docker import Engine

_LONGEST = 600.0
"""Seconds until all that is in memory is in the file."""
_LOOK = """\
if [ -e "$1" ]; then echo file; elif [ -s "$2" ]; then echo dump; fi
"""
_BEGINS_EMPTY = (
    "Redis would begin without its data: `appendonly` is on in the spec, and there is no append-only file yet"
)


def require_append_only_file(engine: Engine, one: Container, container: str) -> None:
    """Have it written where a start would need it; `container` is the one that there is, whatever it is called.

    Raises:
        TargetError: it cannot be written, so the server must not be started anew.
    """
    if not isinstance(one.spec, RedisService):
        return
    settings = one.spec.settings
    if canonical("appendonly", settings.get("appendonly", False)) != "yes":
        return
    found = _found(engine, one, str(settings.get("appendfilename", "appendonly.aof")))
    if found == "file":
        return
    if _runs(engine, container):
        _write(engine, one, container)
    elif found == "dump":
        raise TargetError(
            f"{one.container}: {_BEGINS_EMPTY}; start it with the settings that it had, and apply again"
        )


def _found(engine: Engine, one: Container, name: str) -> str:
    """What its volume has: a file that is appended to, a dump alone, or nothing."""
    volume = one.volume(one.data)
    if engine.attempt("volume", "inspect", volume).returncode != 0:
        return ""
    paths = f"{one.data}/appendonlydir/{name}.manifest", f"{one.data}/dump.rdb"
    words = ("run", "--rm", *APART, "--user", "0", "--entrypoint", "sh")
    # an empty volume would be given the owner that the image has for its folder
    mount = ("-v", f"{volume}:{one.data}:ro,nocopy")
    return engine.run(*words, *mount, one.image, "-c", _LOOK, "sh", *paths).decode().strip()


def _runs(engine: Engine, container: str) -> bool:
    done = engine.attempt("inspect", "-f", "{{.State.Running}}", container)
    return done.returncode == 0 and done.stdout.strip() == b"true"


def _write(engine: Engine, one: Container, container: str) -> None:
    try:
        (answer,) = ask(engine, one, container, [("CONFIG", "SET", "appendonly", "yes")])
        if answer != "OK":
            raise TargetError(f"{one.container}: it refuses CONFIG SET appendonly")
        end = time.monotonic() + _LONGEST
        while not _is_written(engine, one, container):
            if time.monotonic() > end:
                raise TargetError(
                    f"{one.container}: its append-only file is not written within {_LONGEST:.0f} s"
                )
            time.sleep(0.2)
    except TargetError as error:
        raise TargetError(
            f"{one.container}: {_BEGINS_EMPTY}; run CONFIG SET appendonly yes on it, and apply again ({error})"
        ) from None


def _is_written(engine: Engine, one: Container, container: str) -> bool:
    """Raises TargetError: Redis cannot be asked."""
    (info,) = ask(engine, one, container, [("INFO", "persistence")])
    known = {line.strip() for line in str(info).splitlines()}
    busy = {"aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1"}
    return "aof_enabled:1" in known and "aof_last_bgrewrite_status:ok" in known and not known & busy
