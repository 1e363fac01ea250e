"""Taking a backup with pg_dump: a folder for each database, and the roles of the server.

A dump shows its database as it was when the dump began; two databases are not of the same moment. Passwords and
tablespaces are not dumped: the spec has them.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.age import encrypt
from pgdeploy.layers.backup.created import created
from pgdeploy.layers.backup.manifest import Manifest
from pgdeploy.layers.backup.repository import Repository, measured
from pgdeploy.local.scratch import scratch_folder
from pgdeploy.reach.program import environment, found_program, way_of
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from pgdeploy.model.backup import DumpSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server

ROLES, DATABASES = "roles.sql", "databases"
_APPLICATION = "pgdeploy backup"
_LOCKED = "10min"
"""How long a table may be locked for others before there is no backup of it."""


def databases_of(spec: Spec, section: DumpSpec) -> tuple[str, ...]:
    """The databases that are backed up: those named, or all declared ones that allow connections."""
    return section.databases or tuple(
        name for name, body in spec.databases.items() if body.allow_connections is not False
    )


def label_of(seconds: float) -> str:
    """The name of a backup: its time in UTC, so that names sort by time."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def take(target: str, spec: Spec, section: DumpSpec, server: Server, note: Callable[[str], None]) -> Manifest:
    """Make a backup, whole or not at all.

    Raises:
        TargetError: a program is missing or fails, or another pgdeploy uses the repository.
    """
    repository = Repository(section.repository.path)
    names = databases_of(spec, section)
    with closing(server.open(application_name=_APPLICATION)) as connection, repository.locked() as lock:
        databases = created(connection, names)
        if missing := [name for name in names if name not in databases]:
            raise TargetError(f"no backup was made: database {missing[0]} does not exist")
        major = connection.info.server_version // 10_000
        program, of_globals = found_program("pg_dump", major), found_program("pg_dumpall", major)
        system = _system(connection)
        while repository.folder(label_of(started := time.time())).exists():
            time.sleep(0.1)  # a backup is named by its second
        label = label_of(started)
        recipients = section.encryption.recipients if section.encryption is not None else ()
        with repository.making(label) as folder, _plain(folder, recipients) as plain:
            user, password = connection.info.user, connection.info.password or None
            run = _Runner(password, lock, note)
            run([str(of_globals), "--roles-only", "--no-role-passwords", f"--file={plain / ROLES}",
                 f"--dbname={way_of(connection, user, connection.info.dbname)}"], "roles")  # fmt: skip
            (plain / DATABASES).mkdir(mode=0o700)
            for number, name in enumerate(names):
                place = plain / DATABASES / str(number)
                run([str(program), "--format=directory", f"--jobs={section.jobs}", "--no-password",
                     f"--lock-wait-timeout={_LOCKED}", f"--file={place}",
                     f"--dbname={way_of(connection, user, name)}"], name)  # fmt: skip
            if recipients:
                encrypt(((file, folder / file.relative_to(plain)) for file in _files(plain)), recipients)
            files = {str(file.relative_to(folder)): measured(file) for file in sorted(_files(folder))}
            made = Manifest(
                label,
                target,
                section.engine,
                major,
                _version(program),
                system,
                started,
                time.time(),
                databases,
                files,
                recipients,
            )
            repository.keep(folder, made)
    return made


@contextmanager
def _plain(folder: Path, recipients: Sequence[str]) -> Iterator[Path]:
    """Where files are dumped to: what is to be encrypted does not reach the disk of the repository before it is."""
    if not recipients:
        yield folder
        return
    with scratch_folder("dump") as scratch:
        yield scratch


class _Runner:
    """Runs programs that log in; a failure is an error with the first line of what they print."""

    def __init__(self, password: str | None, lock: int, note: Callable[[str], None]) -> None:
        self._environment = environment(password, {"PGAPPNAME": _APPLICATION})
        self._lock, self._note = lock, note

    def __call__(self, command: list[str], what: str) -> None:
        self._note(f"dumping {what}")
        done = subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
            pass_fds=(self._lock,),
        )
        if done.returncode != 0:
            why = one_line(done.stderr.strip().splitlines()[0]) if done.stderr.strip() else done.returncode
            raise TargetError(f"no backup was made: {Path(command[0]).name} of {what}: {why}")


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


def _system(connection: psycopg.Connection[Any]) -> str:
    """The system identifier; empty where this login may not read it."""
    import psycopg

    try:
        row = connection.execute(
            "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"
        ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return ""
    return str(row[0]) if row is not None else ""


def _version(program: Path) -> str:
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    return one_line(done.stdout.strip())
