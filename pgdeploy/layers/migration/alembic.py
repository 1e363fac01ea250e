"""Asking Alembic: a process of its own runs the project's code, and hears nothing but what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.layers.migration.scripts import Scripts
from pgdeploy.layers.server.guard import WRITER
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.program import way_of
from pgdeploy.secret.place import scrub
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

PROGRAM = "from pgdeploy.layers.migration.child.act import main; main()"


class MigrationError(TargetError):
    """What Alembic, env.py, a revision or the server said; `code` is the server's, `revision` where it stopped."""

    def __init__(self, *lines: str, code: str = "", revision: str = "") -> None:
        super().__init__(*lines)
        self.code, self.revision = code, revision


def scripts_of(section: MigrationSpec) -> Scripts:
    """The revisions, read from their files; no database is asked.

    Raises:
        TargetError: there is no such folder, or Alembic cannot read it.
        MissingExtra: Alembic is not installed.
    """
    return Scripts.of(ask(section, "history"))


def database_of(name: str, section: MigrationSpec) -> str:
    return section.database or name


def role_of(spec: Spec, name: str, section: MigrationSpec) -> str:
    """Who runs them; empty where nothing says so: then it is who we are."""
    declared = spec.databases[database_of(name, section)]
    return section.role or declared.owner or ""


def on_server(
    spec: Spec, name: str, section: MigrationSpec, server: Server, *, writes: bool = True
) -> dict[str, Any]:
    """The part of a question that leads to the database. Raises TargetError: it cannot be reached."""
    database = database_of(name, section)
    with closing(server.open(database)) as connection:
        conninfo = way_of(connection, connection.info.user, database)
        password = connection.info.password or None
    return {
        "way": _words(conninfo),
        "password": password,
        "settings": _settings(section, role_of(spec, name, section), writes=writes),
        "lock": WRITER if writes else None,
    }


def _words(conninfo: str) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict

    return {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}


def _settings(section: MigrationSpec, role: str, *, writes: bool) -> dict[str, str]:
    """They stand in the startup packet, which beats what ALTER ROLE and ALTER DATABASE preset."""
    found = {
        "lock_timeout": _milliseconds(section.lock_timeout),
        "statement_timeout": _milliseconds(section.statement_timeout),
        "idle_in_transaction_session_timeout": "0",
        "client_connection_check_interval": "1000",
        "default_transaction_read_only": "off" if writes else "on",
    }
    return found | ({"role": role} if role else {})


def _milliseconds(span: str | None) -> str:
    return "0" if span is None else str(max(1, round(seconds_of(span) * 1000)))


def ask(
    section: MigrationSpec,
    act: str,
    more: Mapping[str, Any] | None = None,
    hear: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """Have one thing done; `hear` is called with what is said on the way.

    Raises:
        MigrationError: it failed, in one line, with the file and line of the project where that is known.
        MissingExtra: Alembic is not installed.
    """
    if find_spec("alembic") is None:
        raise MissingExtra("migration", "running migrations")
    path = Path(section.alembic).expanduser().resolve()
    _require(path)
    question = {
        "act": act,
        "path": str(path),
        "table": section.table,
        "schema": section.schema_,
        "retries": section.retries,
        "index_timeout": _milliseconds(section.index_timeout),
        "way": None,
        "password": None,
        "settings": {},
        "lock": None,
        **(more or {}),
    }
    return _run(question, path, hear)


def _require(path: Path) -> None:
    """Raises TargetError with what is expected there."""
    if not path.exists():
        raise TargetError(
            f"{path}: does not exist; write the folder of env.py, or alembic.ini (a relative path counts from the "
            "folder of the spec that says it)"
        )
    if path.is_dir() and not (path / "env.py").exists():
        raise TargetError(f"{path}: has no env.py; write the folder that `alembic init` made, or alembic.ini")


def _run(question: dict[str, Any], path: Path, hear: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as printed:
        try:
            running = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM],
                cwd=path.parent,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=printed,
                pass_fds=(writer,),
                text=True,
            )
        finally:
            os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as answer:
            try:
                _tell(running, json.dumps(question | {"answer": writer}))
                for line in answer:
                    said = json.loads(line)
                    if "failed" in said:
                        raise _failed(said)
                    if "result" in said:
                        return dict(said["result"])
                    hear(said)
                    if "act" in said:  # it waits until that was heard
                        _tell(running, "")
            finally:
                running.kill()
                running.wait()
                with suppress(OSError):
                    _stdin(running).close()
        printed.seek(0)
        raise MigrationError(f"{path}: Alembic ended without an answer{_last(printed.read())}")


def _tell(running: subprocess.Popen[str], line: str) -> None:
    """One that has ended hears nothing any more, and has said why."""
    with suppress(BrokenPipeError):
        _stdin(running).write(f"{line}\n")
        _stdin(running).flush()


def _stdin(running: subprocess.Popen[str]) -> IO[str]:
    assert running.stdin is not None  # noqa: S101 - it is a pipe
    return running.stdin


def _environment() -> dict[str, str]:
    """The project's code may want the user's variables, but none of libpq's: they lead elsewhere."""
    own = str(Path(__file__).parents[3])
    known = os.environ.get("PYTHONPATH")
    path = own if not known else f"{known}{os.pathsep}{own}"
    return environment_of_children() | {"PGPASSFILE": f"{os.devnull}/none", "PYTHONPATH": path}


def _failed(said: Mapping[str, Any]) -> MigrationError:
    where = f"{said['where']}: " if said["where"] else ""
    at = f"revision {said['revision']}: " if said["revision"] else ""
    return MigrationError(
        one_line(f"{where}{at}{scrub(said['failed'])}"), code=said["code"], revision=said["revision"]
    )


def _last(printed: bytes) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    return f": {one_line(scrub(lines[-1]))}" if lines else ""
