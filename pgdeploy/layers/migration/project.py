"""Asking for scripts: what is told of an entry of `migrations:` and of the database that this leads to."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.layers.migration import sqitch
from pgdeploy.layers.migration.process import Hear, ask_process
from pgdeploy.layers.migration.scripts import Scripts
from pgdeploy.layers.server.guard import WRITER
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.reach.program import way_of

if TYPE_CHECKING:
    from pgdeploy.model.migration import Kind, MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server


def scripts_of(section: MigrationSpec) -> Scripts:
    """The revisions, read from their files; no database is asked.

    Raises:
        TargetError: there is no such folder, or it cannot be read.
        MissingExtra: Alembic or SQLAlchemy is not installed.
    """
    if section.kind == "sqitch":
        return sqitch.scripts_of(section)
    return Scripts.of(ask(section, "history"), each=section.kind == "sql")


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
    hear: Hear = lambda _: None,
) -> dict[str, Any]:
    """Have one thing done; `hear` is called with what is said on the way.

    Raises:
        MigrationError: it failed, in one line, with the file and line of the project where that is known.
        MissingExtra: Alembic or SQLAlchemy is not installed.
    """
    path = section.path
    if section.kind == "sqitch":
        raise TargetError(f"{path}: is a plan of Sqitch, which is read alone; sqitch itself does this")
    found = find_spec("alembic") if section.kind == "alembic" else find_spec("sqlalchemy")
    if found is None:
        raise MissingExtra("migration", "running migrations")
    _require(section.kind, path)
    question = {
        "act": act,
        "kind": section.kind,
        "path": str(path),
        "table": section.version_table,
        "schema": section.schema_,
        "retries": section.retries,
        "index_timeout": _milliseconds(section.index_timeout),
        "way": None,
        "password": None,
        "settings": {},
        "lock": None,
        **(more or {}),
    }
    return ask_process(path, question, hear)


def _require(kind: Kind, path: Path) -> None:
    """Raises TargetError with what is expected there."""
    if not path.exists():
        wanted = "the folder of env.py, or alembic.ini" if kind == "alembic" else "the folder of the files"
        raise TargetError(
            f"{path}: does not exist; write {wanted} (a relative path counts from the folder of the spec that says it)"
        )
    if kind == "sql":
        if not path.is_dir():
            raise TargetError(f"{path}: is no folder; write the folder of the files")
    elif path.is_dir() and not (path / "env.py").exists():
        raise TargetError(f"{path}: has no env.py; write the folder that `alembic init` made, or alembic.ini")
